/**
 * The speed curve thinned to pixel columns.
 *
 * A column keeps its first, lowest, highest and last speed, so that no peak is lost however many points fall into it.
 * Holes end a stretch: the curve is never drawn across them.
 */
import { indexAt } from './track';
import type { Track } from './track';

export interface Stretch {
  /** x in pixels and speed in km/h, in drawing order. */
  x: number[];
  v: number[];
}

export function speedStretches(track: Track, from: number, to: number, width: number): Stretch[] {
  const stretches: Stretch[] = [];
  if (to <= from || width <= 0) return stretches;
  const scale = width / (to - from);
  for (const segment of track.segments) {
    if ((track.at[segment.last] ?? 0) < from || (track.at[segment.first] ?? 0) > to) continue;
    const first = Math.max(segment.first, indexAt(track.at, from));
    const last = Math.min(segment.last, indexAt(track.at, to) + 1);
    stretches.push(thin(track, first, last, (t) => (t - from) * scale));
  }
  return stretches;
}

function thin(track: Track, first: number, last: number, xOf: (t: number) => number): Stretch {
  const stretch: Stretch = { x: [], v: [] };
  const put = (k: number): void => {
    stretch.x.push(xOf(track.at[k] ?? 0));
    stretch.v.push((track.speed[k] ?? 0) / 10);
  };
  let k = first;
  while (k <= last) {
    const column = Math.floor(xOf(track.at[k] ?? 0));
    let end = k;
    let low = k;
    let high = k;
    while (end + 1 <= last && Math.floor(xOf(track.at[end + 1] ?? 0)) === column) {
      end++;
      if ((track.speed[end] ?? 0) < (track.speed[low] ?? 0)) low = end;
      if ((track.speed[end] ?? 0) > (track.speed[high] ?? 0)) high = end;
    }
    for (const kept of [...new Set([k, low, high, end])].sort((a, b) => a - b)) put(kept);
    k = end + 1;
  }
  return stretch;
}

/** Top of the axis: the next multiple of 20 km/h above the highest speed, at least 80. */
export function axisTop(maxKmh: number): number {
  return Math.max(80, Math.ceil((maxKmh + 4) / 20) * 20);
}

const STEPS_MIN = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];
const CST_MS = 8 * 3_600_000;

/** Times of the axis marks, on round minutes of China Standard Time, at least `spacing` pixels apart. */
export function axisTimes(from: number, to: number, width: number, spacing = 84): { step: number; times: number[] } {
  const most = Math.max(1, Math.floor(width / spacing));
  const minutes = STEPS_MIN.find((m) => (to - from) / (m * 60_000) <= most) ?? 2880;
  const step = minutes * 60_000;
  const times: number[] = [];
  for (let t = Math.ceil((from + CST_MS) / step) * step - CST_MS; t <= to; t += step) times.push(t);
  return { step, times };
}
