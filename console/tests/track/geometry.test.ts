import { describe, expect, it } from 'vitest';

import {
  BLOCK,
  latitudeOf,
  levelOf,
  longitudeOf,
  lowerBound,
  mercatorX,
  mercatorY,
  toleranceAt,
  weights,
} from '@/pages/track/geometry';
import type { Span } from '@/pages/track/track';

function wander(n: number): { x: Float64Array; y: Float64Array } {
  const x = new Float64Array(n);
  const y = new Float64Array(n);
  let seed = 7;
  const random = () => (seed = (seed * 1664525 + 1013904223) >>> 0) / 4294967296;
  let heading = 0;
  for (let k = 1; k < n; k++) {
    heading += (random() - 0.5) * 0.3;
    x[k] = (x[k - 1] ?? 0) + Math.cos(heading) * 1e-6;
    y[k] = (y[k - 1] ?? 0) + Math.sin(heading) * 1e-6;
  }
  return { x, y };
}

describe('Web Mercator', () => {
  it('has its middle at 0, 0 and comes back', () => {
    expect([mercatorX(0), mercatorY(0)]).toEqual([0.5, 0.5]);
    expect(longitudeOf(mercatorX(113.2644))).toBeCloseTo(113.2644, 9);
    expect(latitudeOf(mercatorY(23.1291))).toBeCloseTo(23.1291, 9);
  });
});

describe('thinning', () => {
  const { x, y } = wander(20_000);
  const segments: Span[] = [
    { first: 0, last: 6_999 },
    { first: 7_000, last: 7_000 },
    { first: 7_001, last: 19_999 },
  ];
  const weight = weights(x, y, segments);

  it('never drops an end of a segment, at any tolerance', () => {
    const coarse = new Set(levelOf(x, y, weight, 1).index);
    for (const { first, last } of segments) expect(coarse.has(first) && coarse.has(last)).toBe(true);
  });

  it('makes every coarser level a part of the finer one', () => {
    const fine = new Set(levelOf(x, y, weight, 1e-7).index);
    for (const k of levelOf(x, y, weight, 1e-5).index) expect(fine.has(k)).toBe(true);
  });

  it('keeps every dropped point within the tolerance of the drawn line', () => {
    const tolerance = 2e-6;
    const { index } = levelOf(x, y, weight, tolerance);
    let worst = 0;
    for (let p = 1; p < index.length; p++) {
      const i = index[p - 1] ?? 0;
      const j = index[p] ?? 0;
      const dx = (x[j] ?? 0) - (x[i] ?? 0);
      const dy = (y[j] ?? 0) - (y[i] ?? 0);
      const length2 = dx * dx + dy * dy;
      for (let k = i + 1; k < j; k++) {
        const px = (x[k] ?? 0) - (x[i] ?? 0);
        const py = (y[k] ?? 0) - (y[i] ?? 0);
        const u = length2 ? Math.max(0, Math.min(1, (px * dx + py * dy) / length2)) : 0;
        worst = Math.max(worst, Math.hypot(px - u * dx, py - u * dy));
      }
    }
    expect(worst).toBeLessThanOrEqual(tolerance * 1.0001);
  });

  it('drops most of a smooth line', () => {
    expect(levelOf(x, y, weight, 1e-5).index.length).toBeLessThan(4_000);
  });

  it('keeps one of many points at one place', () => {
    const still = new Float64Array(5_000);
    const kept = levelOf(still, still, weights(still, still, [{ first: 0, last: 4_999 }]), 1e-9);
    expect(kept.index.length).toBeLessThan(8);
    expect(kept.index[0]).toBe(0);
    expect(kept.index[kept.index.length - 1]).toBe(4_999);
  });

  it('gives each block a box that also covers the way to the next block', () => {
    const level = levelOf(x, y, weight, 0);
    const next = level.index[BLOCK] ?? 0;
    expect(level.boxes[2]).toBeGreaterThanOrEqual(x[next] ?? 0);
  });

  it('thins 200,000 points in well under a second', () => {
    const big = wander(200_000);
    const before = performance.now();
    const w = weights(big.x, big.y, [{ first: 0, last: 199_999 }]);
    levelOf(big.x, big.y, w, toleranceAt(9));
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

describe('position in a level', () => {
  it('is that of the first kept point at or behind it', () => {
    const index = Int32Array.from([0, 4, 9]);
    expect([0, 1, 4, 9, 10].map((k) => lowerBound(index, k))).toEqual([0, 1, 1, 2, 3]);
  });
});
