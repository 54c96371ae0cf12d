/**
 * The track as typed arrays, cut where nothing was received.
 *
 * Two neighbours more than HOLE_S apart are never joined. A hole in which the truck moved is a gap (中断) and comes from
 * the server; a hole in which it stood (ignition off) is only a silence. Both end a segment.
 */
import { DIRECTION_UNKNOWN, NO_PLACE, OFF_LINE, ORIGIN_BACKFILL } from './answer';
import type { TrackAnswer, TrackGap, TrackStop } from './answer';
import { mercatorX, mercatorY } from './geometry';

/** Seconds without a point after which the line and the speed curve are cut. */
export const HOLE_S = 300;

/** First and last index, both belonging to the span. */
export interface Span {
  first: number;
  last: number;
}

export interface Hole {
  /** Index of the last point before and the first point after. */
  before: number;
  after: number;
  from: number;
  to: number;
  /** The server's gap, or null for a silence at one place. */
  gap: TrackGap | null;
}

export interface Track {
  n: number;
  at: Float64Array;
  /** Web Mercator, 0..1 over the world, x to the east, y to the south. */
  mx: Float64Array;
  my: Float64Array;
  lat: Float64Array;
  lon: Float64Array;
  /** 0.1 km/h */
  speed: Uint16Array;
  direction: Uint16Array;
  alarm: Uint32Array;
  status: Uint32Array;
  origin: Uint8Array;
  /** Metres travelled from the first point on, stationary jitter left out. */
  metres: Float64Array;
  segments: Span[];
  holes: Hole[];
  backfills: Span[];
  /** Received places that are no part of the line (drift and the like), as Mercator x, y pairs; only with raw points. */
  strays: Float64Array;
  stops: TrackStop[];
  from: number;
  to: number;
}

const EARTH_M = 6_371_008.8;
/** A step shorter than this with an end that stands is jitter and counts as no distance, as in the server's judgement. */
const JITTER_M = 50;
const STILL_DKMH = 30;

export function metresBetween(latA: number, lonA: number, latB: number, lonB: number): number {
  const rad = Math.PI / 180;
  const h =
    Math.sin(((latB - latA) * rad) / 2) ** 2 +
    Math.cos(latA * rad) * Math.cos(latB * rad) * Math.sin(((lonB - lonA) * rad) / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Indices of the points that make the line, in order of time. */
function placed(answer: TrackAnswer): Uint32Array {
  const { at, flags } = answer.columns;
  const kept = new Uint32Array(at.length);
  let n = 0;
  let ordered = true;
  let before = -Infinity;
  for (let i = 0; i < at.length; i++) {
    if (((flags[i] ?? 0) & OFF_LINE) !== 0) continue;
    kept[n++] = i;
    const t = at[i] ?? 0;
    if (t < before) ordered = false;
    before = t;
  }
  const result = kept.slice(0, n);
  return ordered ? result : result.sort((a, b) => (at[a] ?? 0) - (at[b] ?? 0) || a - b);
}

export function buildTrack(answer: TrackAnswer): Track {
  const c = answer.columns;
  const index = placed(answer);
  const n = index.length;
  const pick = (column: readonly (number | null)[], into: Float64Array | Uint16Array | Uint32Array | Uint8Array): void => {
    for (let k = 0; k < n; k++) into[k] = column[index[k] ?? 0] ?? 0;
  };
  const at = new Float64Array(n);
  const lat = new Float64Array(n);
  const lon = new Float64Array(n);
  const speed = new Uint16Array(n);
  const direction = new Uint16Array(n);
  const alarm = new Uint32Array(n);
  const status = new Uint32Array(n);
  const origin = new Uint8Array(n);
  pick(c.at, at);
  pick(c.lat_e6, lat);
  pick(c.lon_e6, lon);
  pick(c.speed_dkmh, speed);
  pick(
    c.direction_deg.map((deg) => deg ?? DIRECTION_UNKNOWN),
    direction,
  );
  pick(c.alarm, alarm);
  pick(c.status, status);
  pick(c.origin, origin);
  const mx = new Float64Array(n);
  const my = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    lat[k] = (lat[k] ?? 0) / 1e6;
    lon[k] = (lon[k] ?? 0) / 1e6;
    mx[k] = mercatorX(lon[k] ?? 0);
    my[k] = mercatorY(lat[k] ?? 0);
  }
  const { segments, holes } = cut(at, answer.gaps);
  return {
    n,
    at,
    mx,
    my,
    lat,
    lon,
    speed,
    direction,
    alarm,
    status,
    origin,
    metres: travelled(lat, lon, speed),
    segments,
    holes,
    backfills: runs(n, (k) => origin[k] === ORIGIN_BACKFILL, segments),
    strays: straysOf(answer),
    stops: answer.stops,
    from: n ? (at[0] ?? 0) : 0,
    to: n ? (at[n - 1] ?? 0) : 0,
  };
}

function travelled(lat: Float64Array, lon: Float64Array, speed: Uint16Array): Float64Array {
  const metres = new Float64Array(lat.length);
  for (let k = 1; k < lat.length; k++) {
    const d = metresBetween(lat[k - 1] ?? 0, lon[k - 1] ?? 0, lat[k] ?? 0, lon[k] ?? 0);
    const stands = Math.min(speed[k - 1] ?? 0, speed[k] ?? 0) < STILL_DKMH;
    metres[k] = (metres[k - 1] ?? 0) + (d < JITTER_M && stands ? 0 : d);
  }
  return metres;
}

function straysOf({ columns }: TrackAnswer): Float64Array {
  const pairs: number[] = [];
  columns.flags.forEach((flags, i) => {
    if ((flags & OFF_LINE) === 0 || (flags & NO_PLACE) !== 0) return;
    pairs.push(mercatorX((columns.lon_e6[i] ?? 0) / 1e6), mercatorY((columns.lat_e6[i] ?? 0) / 1e6));
  });
  return Float64Array.from(pairs);
}

/** Segments between holes. A server's gap always cuts, also where it is shorter than HOLE_S. */
function cut(at: Float64Array, gaps: readonly TrackGap[]): { segments: Span[]; holes: Hole[] } {
  const segments: Span[] = [];
  const holes: Hole[] = [];
  const ordered = [...gaps].sort((a, b) => a.from - b.from);
  let g = 0;
  let first = 0;
  for (let k = 1; k < at.length; k++) {
    const from = at[k - 1] ?? 0;
    const to = at[k] ?? 0;
    while (g < ordered.length && (ordered[g]?.to ?? 0) <= from) g++;
    const next = ordered[g];
    const gap = next && next.from < to && next.to > from ? next : null;
    if (!gap && to - from <= HOLE_S * 1000) continue;
    segments.push({ first, last: k - 1 });
    holes.push({ before: k - 1, after: k, from, to, gap });
    first = k;
  }
  if (at.length) segments.push({ first, last: at.length - 1 });
  return { segments, holes };
}

/** Runs of neighbouring indices for which `holds`; a run never crosses the end of a segment. */
export function runs(n: number, holds: (k: number) => boolean, segments: readonly Span[]): Span[] {
  const found: Span[] = [];
  for (const segment of segments) {
    let first = -1;
    for (let k = segment.first; k <= Math.min(segment.last, n - 1); k++) {
      if (holds(k)) {
        if (first < 0) first = k;
      } else if (first >= 0) {
        found.push({ first, last: k - 1 });
        first = -1;
      }
    }
    if (first >= 0) found.push({ first, last: Math.min(segment.last, n - 1) });
  }
  return found;
}

/** Index of the last point at or before `t`; −1 before the first. */
export function indexAt(at: Float64Array, t: number): number {
  let low = 0;
  let high = at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((at[middle] ?? 0) <= t) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

export interface Place {
  index: number;
  /** Share of the way to the next point, 0..1; 0 in a hole and at the last point. */
  share: number;
  mx: number;
  my: number;
  lat: number;
  lon: number;
  speed: number;
  /** Degrees from north; null when neither the terminal nor the movement tells. */
  heading: number | null;
  metres: number;
  /** Set while nothing was received: the place is the last known one, not the present one. */
  hole: Hole | null;
}

function headingAt(track: Track, k: number): number | null {
  const sent = track.direction[k] ?? 0xffff;
  if (sent < 360) return sent;
  if (k + 1 >= track.n) return null;
  const dx = (track.mx[k + 1] ?? 0) - (track.mx[k] ?? 0);
  const dy = (track.my[k + 1] ?? 0) - (track.my[k] ?? 0);
  if (dx === 0 && dy === 0) return null;
  return ((Math.atan2(dx, -dy) * 180) / Math.PI + 360) % 360;
}

/** Where the truck was at `t`. In a hole it stays at the last known place: no path is invented. */
export function placeAt(track: Track, t: number): Place | null {
  if (!track.n) return null;
  const index = Math.max(0, indexAt(track.at, t));
  const next = Math.min(track.n - 1, index + 1);
  const a = track.at[index] ?? 0;
  const b = track.at[next] ?? 0;
  const hole = track.holes.find((h) => h.before === index && t > h.from && t < h.to) ?? null;
  const share = hole || b <= a || t <= a ? 0 : Math.min(1, (t - a) / (b - a));
  const mix = (column: Float64Array | Uint16Array): number =>
    (column[index] ?? 0) + ((column[next] ?? 0) - (column[index] ?? 0)) * share;
  return {
    index,
    share,
    mx: mix(track.mx),
    my: mix(track.my),
    lat: mix(track.lat),
    lon: mix(track.lon),
    speed: track.speed[index] ?? 0,
    heading: headingAt(track, index),
    metres: mix(track.metres),
    hole,
  };
}
