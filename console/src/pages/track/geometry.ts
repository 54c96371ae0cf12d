/**
 * Drawing geometry: Web Mercator and thinning by screen resolution.
 *
 * Every point gets, once, the largest tolerance at which Douglas and Peucker's rule still keeps it; a level for a zoom
 * is then one pass over that array. Ends of segments have infinite weight, so an end of a gap is never thinned away.
 */
import type { Span } from './track';

export interface Box {
  west: number;
  south: number;
  east: number;
  north: number;
}

/** Pixels of the world's width at zoom 0 (MapLibre's tile size). */
export const WORLD_PX = 512;
const LATITUDE_LIMIT = 85.051129;

export function mercatorX(lon: number): number {
  return (lon + 180) / 360;
}

export function mercatorY(lat: number): number {
  const bounded = Math.max(-LATITUDE_LIMIT, Math.min(LATITUDE_LIMIT, lat));
  return (1 - Math.log(Math.tan(Math.PI / 4 + (bounded * Math.PI) / 360)) / Math.PI) / 2;
}

export function longitudeOf(mx: number): number {
  return mx * 360 - 180;
}

export function latitudeOf(my: number): number {
  return (Math.atan(Math.exp((1 - 2 * my) * Math.PI)) * 360) / Math.PI - 90;
}

/** Longest run handled at once: bounds the rule's quadratic worst case (a run's ends are kept, a few points too many). */
const RUN = 2048;

/** Squared distance of point k from the stretch i..j. */
function distance2(mx: Float64Array, my: Float64Array, k: number, i: number, j: number): number {
  const ax = mx[i] ?? 0;
  const ay = my[i] ?? 0;
  let dx = (mx[j] ?? 0) - ax;
  let dy = (my[j] ?? 0) - ay;
  const px = (mx[k] ?? 0) - ax;
  const py = (my[k] ?? 0) - ay;
  const length2 = dx * dx + dy * dy;
  if (length2 > 0) {
    const u = Math.max(0, Math.min(1, (px * dx + py * dy) / length2));
    dx = px - u * dx;
    dy = py - u * dy;
  } else {
    dx = px;
    dy = py;
  }
  return dx * dx + dy * dy;
}

/** Weight of each point in Mercator units: a level of tolerance e consists of the points with weight ≥ e. */
export function weights(mx: Float64Array, my: Float64Array, segments: readonly Span[]): Float64Array {
  const weight = new Float64Array(mx.length);
  const stack = new Int32Array(2 * (RUN + 2));
  for (const { first, last } of segments) {
    weight[first] = weight[last] = Infinity;
    for (let start = first; start < last; start += RUN) {
      const stop = Math.min(last, start + RUN);
      if (stop < last) weight[stop] = Infinity;
      let top = 0;
      stack[top++] = start;
      stack[top++] = stop;
      while (top > 0) {
        const j = stack[--top] ?? 0;
        const i = stack[--top] ?? 0;
        if (j - i < 2) continue;
        let far = i + 1;
        let worst = -1;
        for (let k = i + 1; k < j; k++) {
          const d = distance2(mx, my, k, i, j);
          if (d > worst) {
            worst = d;
            far = k;
          }
        }
        // Never heavier than the stretch it splits, so that every level is a subset of the finer one.
        weight[far] = Math.min(Math.sqrt(worst), weight[i] ?? 0, weight[j] ?? 0);
        stack[top++] = i;
        stack[top++] = far;
        stack[top++] = far;
        stack[top++] = j;
      }
    }
  }
  return weight;
}

/** The points of one tolerance, in order, with a box for every BLOCK of them so that what is off screen is passed over. */
export interface Level {
  index: Int32Array;
  /** minX, minY, maxX, maxY a block; a block's box covers the stretch to the next block's first point. */
  boxes: Float64Array;
}

export const BLOCK = 64;

export function levelOf(mx: Float64Array, my: Float64Array, weight: Float64Array, tolerance: number): Level {
  let n = 0;
  for (let k = 0; k < weight.length; k++) if ((weight[k] ?? 0) >= tolerance) n++;
  const index = new Int32Array(n);
  n = 0;
  for (let k = 0; k < weight.length; k++) if ((weight[k] ?? 0) >= tolerance) index[n++] = k;
  const blocks = Math.ceil(n / BLOCK);
  const boxes = new Float64Array(blocks * 4);
  for (let b = 0; b < blocks; b++) {
    let x0 = Infinity;
    let y0 = Infinity;
    let x1 = -Infinity;
    let y1 = -Infinity;
    for (let p = b * BLOCK; p <= Math.min(n - 1, (b + 1) * BLOCK); p++) {
      const x = mx[index[p] ?? 0] ?? 0;
      const y = my[index[p] ?? 0] ?? 0;
      x0 = Math.min(x0, x);
      y0 = Math.min(y0, y);
      x1 = Math.max(x1, x);
      y1 = Math.max(y1, y);
    }
    boxes.set([x0, y0, x1, y1], b * 4);
  }
  return { index, boxes };
}

/** Tolerance in Mercator units of `px` pixels at a zoom. */
export function toleranceAt(zoom: number, px = 0.5): number {
  return px / (WORLD_PX * 2 ** zoom);
}

/** Position in `level.index` of the first kept point ≥ k. */
export function lowerBound(index: Int32Array, k: number): number {
  let low = 0;
  let high = index.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((index[middle] ?? 0) < k) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Smallest box around the given places, or null when there is none. */
export function boxOf(lon: ArrayLike<number>, lat: ArrayLike<number>): Box | null {
  if (!lon.length) return null;
  const box = { west: Infinity, south: Infinity, east: -Infinity, north: -Infinity };
  for (let k = 0; k < lon.length; k++) {
    box.west = Math.min(box.west, lon[k] ?? 0);
    box.east = Math.max(box.east, lon[k] ?? 0);
    box.south = Math.min(box.south, lat[k] ?? 0);
    box.north = Math.max(box.north, lat[k] ?? 0);
  }
  return box;
}
