import { describe, expect, it } from 'vitest';

import { boundsOf, roadFeatures, roadLines, roadShields, type RoadTable } from '@/map/geography';
import { mercatorX, mercatorY, nearest, worldSize } from '@/map/mercator';
import { spread } from '@/map/spread';
import { drawingOrder, vehicleSize } from '@/map/vehicle-layer';

const table: RoadTable = {
  credit: '',
  classes: ['motorway', 'trunk', 'primary'],
  refs: [['G4W2/S61', '许广高速']],
  nodes: [11_300_000, 2_300_000, 10_000, 0, 0, 10_000],
  edges: [
    [0, 1, 0, 10_300, 0, [5_000, 100, 1_000, -50]],
    [1, 2, 2, 11_000, null, []],
  ],
};

describe('the road table', () => {
  it('becomes lines from node to node through the points between', () => {
    expect(roadLines(table)).toEqual([
      [
        [113, 23],
        [113.05, 23.001],
        [113.06, 23.0005],
        [113.1, 23],
      ],
      [
        [113.1, 23],
        [113.1, 23.1],
      ],
    ]);
  });

  it('is drawn as one feature a class', () => {
    const lines = roadFeatures(table).features.map((feature) => feature.geometry.coordinates.length);
    expect(lines).toEqual([1, 0, 1]);
  });

  it('gives the first number of a road to its shield, and none to a road without number', () => {
    expect(roadShields(table).features.map((feature) => feature.properties.ref)).toEqual(['G4W2']);
  });
});

describe('Web Mercator', () => {
  it('has its middle at the equator and Greenwich', () => {
    expect([mercatorX(0), mercatorY(0)]).toEqual([0.5, 0.5]);
  });

  it('ends at 85.0511 degrees north', () => {
    expect(mercatorY(85.05112878)).toBeCloseTo(0, 8);
  });
});

describe('picking', () => {
  const lon = Int32Array.of(113_000_000, 113_001_000, 113_000_000);
  const lat = Int32Array.of(23_000_000, 23_000_000, 23_050_000);

  it('takes the nearest truck within reach', () => {
    expect(nearest(lon, lat, 3, 113.0009, 23.0001, 14, 12)).toBe(1);
  });

  it('takes none beyond the reach in pixels', () => {
    // 0.01 degree of longitude at zoom 14: 512 × 2^14 / 360 × 0.01 = 233 pixels.
    expect((worldSize(14) / 360) * 0.01).toBeCloseTo(233, 0);
    expect(nearest(lon, lat, 3, 112.99, 23, 14, 200)).toBe(-1);
    expect(nearest(lon, lat, 3, 112.99, 23, 14, 240)).toBe(0);
  });

  it('does not look at rows beyond the number in use', () => {
    expect(nearest(lon, lat, 1, 113.001, 23, 18, 20)).toBe(-1);
  });
});

describe('drawing order', () => {
  it('puts offline below stopped below moving below alarms', () => {
    const status = Uint8Array.of(0b110, 2, 0, 1, 0b101, 2);
    expect([...drawingOrder(status, 6)]).toEqual([2, 3, 1, 5, 0, 4]);
  });

  it('grows the arrows with the zoom within bounds', () => {
    expect(vehicleSize(5)).toBe(8);
    expect(vehicleSize(12)).toBe(17);
    expect(vehicleSize(18)).toBe(22);
  });
});

describe('labels', () => {
  it('stay where they are when nothing covers them', () => {
    const boxes = [0, 200].map((x) => ({ x, y: 0, width: 60, height: 30 }));
    expect(spread(boxes)).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('are pushed apart when they cover each other, no further than allowed', () => {
    const boxes = [0, 20, 35].map((x) => ({ x, y: x / 3, width: 50, height: 30 }));
    const moved = spread(boxes, 30);
    for (const [dx, dy] of moved) expect(Math.hypot(dx, dy)).toBeLessThanOrEqual(30.001);
    const [a, b] = [0, 1].map((i) => [boxes[i]!.x + moved[i]![0], boxes[i]!.y + moved[i]![1]] as const);
    expect(Math.abs(a![0] - b![0]) >= 45 || Math.abs(a![1] - b![1]) >= 27).toBe(true);
  });
});

describe('bounds', () => {
  it('enclose every ring', () => {
    const geometry = {
      type: 'MultiPolygon' as const,
      coordinates: [
        [
          [
            [113, 22],
            [114, 22],
            [113, 23],
            [113, 22],
          ],
        ],
        [
          [
            [116, 20.5],
            [116.2, 20.5],
            [116, 20.6],
            [116, 20.5],
          ],
        ],
      ],
    };
    expect(boundsOf(geometry)).toEqual([113, 20.5, 116.2, 23]);
  });
});
