/** The part of the world that is on the screen, and paths of the track in it. */
import { BLOCK, lowerBound } from './geometry';
import type { Level } from './geometry';
import type { Track } from './track';

export interface View {
  width: number;
  height: number;
  /** Pixels of the whole world's width. */
  scale: number;
  /** Mercator place of the screen's middle. */
  cx: number;
  cy: number;
}

export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
}

export function screenX(view: View, mx: number): number {
  return (mx - view.cx) * view.scale + view.width / 2;
}

export function screenY(view: View, my: number): number {
  return (my - view.cy) * view.scale + view.height / 2;
}

function mix(column: Float64Array, position: number): number {
  const k = Math.floor(position);
  const a = column[k] ?? 0;
  const share = position - k;
  return share ? a + ((column[k + 1] ?? a) - a) * share : a;
}

const MARGIN = 40;

/**
 * Traces the track from position `a` to `b` (index plus share of the way to the next point) with the points of a level.
 * Nothing is drawn across a hole; blocks off the screen are passed over. Returns the number of points put down.
 */
export function trace(pen: Pen, view: View, track: Track, level: Level, a: number, b: number): number {
  let put = 0;
  const x0 = view.cx - (view.width / 2 + MARGIN) / view.scale;
  const x1 = view.cx + (view.width / 2 + MARGIN) / view.scale;
  const y0 = view.cy - (view.height / 2 + MARGIN) / view.scale;
  const y1 = view.cy + (view.height / 2 + MARGIN) / view.scale;
  const { index, boxes } = level;
  const hidden = (block: number): boolean =>
    (boxes[block * 4] ?? 0) > x1 ||
    (boxes[block * 4 + 2] ?? 0) < x0 ||
    (boxes[block * 4 + 1] ?? 0) > y1 ||
    (boxes[block * 4 + 3] ?? 0) < y0;
  for (const segment of track.segments) {
    if (segment.last < a || segment.first > b) continue;
    const start = Math.max(segment.first, a);
    const end = Math.min(segment.last, b);
    pen.moveTo(screenX(view, mix(track.mx, start)), screenY(view, mix(track.my, start)));
    put++;
    let p = lowerBound(index, Math.floor(start) + 1);
    let down = true;
    while (p < index.length && (index[p] ?? 0) < end) {
      const k = index[p] ?? 0;
      const x = screenX(view, track.mx[k] ?? 0);
      const y = screenY(view, track.my[k] ?? 0);
      if (down) pen.lineTo(x, y);
      else pen.moveTo(x, y);
      put++;
      down = true;
      if (p % BLOCK === 0 && hidden(p / BLOCK)) {
        p += BLOCK;
        down = false;
      } else p++;
    }
    if (!down) {
      // The passed-over block held the end: begin again at the last kept point before it.
      const k = index[lowerBound(index, Math.ceil(end)) - 1] ?? segment.first;
      pen.moveTo(screenX(view, track.mx[k] ?? 0), screenY(view, track.my[k] ?? 0));
    }
    pen.lineTo(screenX(view, mix(track.mx, end)), screenY(view, mix(track.my, end)));
    put++;
  }
  return put;
}

/** Time of the kept point nearest to a place on the screen, or null when none is within `reach` pixels. */
export function nearest(view: View, track: Track, level: Level, x: number, y: number, reach: number): number | null {
  let best = reach * reach;
  let found: number | null = null;
  for (let p = 0; p < level.index.length; p++) {
    const k = level.index[p] ?? 0;
    const ax = screenX(view, track.mx[k] ?? 0);
    const ay = screenY(view, track.my[k] ?? 0);
    const n = level.index[p + 1];
    let share = 0;
    let dx = x - ax;
    let dy = y - ay;
    if (n !== undefined && !track.holes.some((hole) => hole.before >= k && hole.after <= n)) {
      const bx = screenX(view, track.mx[n] ?? 0) - ax;
      const by = screenY(view, track.my[n] ?? 0) - ay;
      const length2 = bx * bx + by * by;
      share = length2 ? Math.max(0, Math.min(1, (dx * bx + dy * by) / length2)) : 0;
      dx -= bx * share;
      dy -= by * share;
      const d = dx * dx + dy * dy;
      if (d < best) {
        best = d;
        // Points between two kept ones lie on the drawn stretch; the time follows the share of the way.
        found = timeAlong(track, k, n, share);
      }
      continue;
    }
    const d = dx * dx + dy * dy;
    if (d < best) {
      best = d;
      found = track.at[k] ?? null;
    }
  }
  return found;
}

function timeAlong(track: Track, k: number, n: number, share: number): number {
  const from = track.metres[k] ?? 0;
  const wanted = from + ((track.metres[n] ?? from) - from) * share;
  let i = k;
  while (i < n && (track.metres[i + 1] ?? Infinity) < wanted) i++;
  return track.at[i] ?? 0;
}
