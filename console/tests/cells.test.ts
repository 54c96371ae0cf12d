import { describe, expect, it } from 'vitest';

import type { CellFrame } from '@/live/frame';
import { cellFeatures, cellRadius } from '@/pages/monitor/cells';

const frame: CellFrame = {
  kind: 'cells',
  n: 2,
  base: 1,
  seq: 1,
  lonE6: Int32Array.of(113_264_385, 114_057_900),
  latE6: Int32Array.of(23_129_112, 22_543_100),
  count: Uint32Array.of(7, 12_400),
  online: Uint32Array.of(0, 9_000),
  alarm: Uint32Array.of(0, 41),
};

describe('cells', () => {
  it('become points with their counts, in degrees', () => {
    const [small, large] = cellFeatures(frame).features;
    expect(small?.geometry.coordinates).toEqual([113.264385, 23.129112]);
    expect(small?.properties).toMatchObject({ count: 7, online: 0, alarm: 0, text: '7' });
    expect(large?.properties).toMatchObject({ count: 12_400, online: 9_000, alarm: 41, text: '12k' });
  });

  it('are none without a frame', () => {
    expect(cellFeatures(null).features).toEqual([]);
  });

  it('grow with the count, within bounds', () => {
    const radii = [1, 10, 300, 30_000, 500_000].map(cellRadius);
    expect([...radii].sort((a, b) => a - b)).toEqual(radii);
    expect(radii[0]).toBeGreaterThan(4);
    expect(radii.at(-1)).toBe(26);
  });
});
