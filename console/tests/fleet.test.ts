import { describe, expect, it } from 'vitest';

import { FleetView } from '@/live/fleet';
import { decodeFrame, type VehicleFrame } from '@/live/frame';

interface Row {
  id: number;
  lon?: number;
  status?: number;
  age?: number;
  heading?: number;
  speed?: number;
}

/** A vehicle frame from rows, without going through bytes. */
function frame(kind: 'snapshot' | 'delta', rows: Row[], base = 1000): VehicleFrame {
  return {
    kind,
    n: rows.length,
    base,
    seq: 1,
    lonE6: Int32Array.from(rows, (row) => row.lon ?? 113_000_000),
    latE6: Int32Array.from(rows, () => 23_000_000),
    id: Uint32Array.from(rows, (row) => row.id),
    ageS: Uint16Array.from(rows, (row) => row.age ?? 0),
    speedKmh: Uint8Array.from(rows, (row) => row.speed ?? 60),
    heading2: Uint8Array.from(rows, (row) => row.heading ?? 45),
    status: Uint8Array.from(rows, (row) => row.status ?? 2),
  };
}

const ids = (fleet: FleetView): number[] => [...fleet.id.subarray(0, fleet.size)].sort((a, b) => a - b);

describe('FleetView', () => {
  it('replaces everything by a snapshot', () => {
    const fleet = new FleetView();
    fleet.apply(frame('snapshot', [{ id: 1 }, { id: 2 }]));
    fleet.apply(frame('snapshot', [{ id: 3 }]));
    expect(ids(fleet)).toEqual([3]);
    expect(fleet.get(1)).toBeNull();
  });

  it('changes and adds rows by a delta', () => {
    const fleet = new FleetView();
    fleet.apply(frame('snapshot', [{ id: 1 }, { id: 2 }]));
    fleet.apply(frame('delta', [{ id: 2, lon: 114_000_000 }, { id: 9 }]));
    expect(ids(fleet)).toEqual([1, 2, 9]);
    expect(fleet.get(2)?.lon).toBe(114);
    expect(fleet.get(1)?.lon).toBe(113);
  });

  it('removes a vehicle that left the view and keeps the rows dense', () => {
    const fleet = new FleetView();
    fleet.apply(frame('snapshot', [{ id: 1 }, { id: 2 }, { id: 3, lon: 115_000_000 }]));
    fleet.apply(frame('delta', [{ id: 1, status: 0x80 }]));
    expect(fleet.size).toBe(2);
    expect(ids(fleet)).toEqual([2, 3]);
    expect(fleet.get(3)?.lon).toBe(115);
  });

  it('removes the last row, and a row named twice, only once', () => {
    const fleet = new FleetView();
    fleet.apply(frame('snapshot', [{ id: 1 }, { id: 2 }]));
    fleet.apply(frame('delta', [{ id: 2, status: 0x82 }, { id: 2, status: 0x82 }, { id: 77, status: 0x80 }]));
    expect(ids(fleet)).toEqual([1]);
  });

  it('takes back a vehicle that left and returned in one frame', () => {
    const fleet = new FleetView();
    fleet.apply(frame('snapshot', [{ id: 1 }]));
    fleet.apply(frame('delta', [{ id: 1, status: 0x80 }, { id: 1, lon: 116_000_000 }]));
    expect(fleet.size).toBe(1);
    expect(fleet.get(1)?.lon).toBe(116);
  });

  it('keeps its rows when it grows past its capacity', () => {
    const fleet = new FleetView();
    fleet.apply(frame('snapshot', Array.from({ length: 1000 }, (_, id) => ({ id: id + 1 }))));
    fleet.apply(frame('delta', Array.from({ length: 5000 }, (_, id) => ({ id: id + 1001, lon: 112_000_000 }))));
    expect(fleet.size).toBe(6000);
    expect(fleet.get(1)?.lon).toBe(113);
    expect(fleet.get(6000)?.lon).toBe(112);
  });

  it('agrees with a plain map over a thousand random deltas', () => {
    const fleet = new FleetView();
    const plain = new Map<number, number>();
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1664525 + 1013904223) >>> 0;
      return seed % below;
    };
    for (let step = 0; step < 1000; step += 1) {
      const rows = Array.from({ length: random(6) }, () => ({
        id: random(60),
        lon: random(1_000_000),
        status: random(3) === 0 ? 0x80 : 2,
      }));
      fleet.apply(frame('delta', rows));
      for (const row of rows) {
        if (row.status & 0x80) plain.delete(row.id);
        else plain.set(row.id, row.lon);
      }
      expect(fleet.size).toBe(plain.size);
    }
    for (const [id, lon] of plain) expect(fleet.get(id)?.lon).toBe(lon / 1e6);
  });

  it('counts the age back from the base time and knows "longer ago"', () => {
    const fleet = new FleetView();
    fleet.apply(frame('snapshot', [{ id: 1, age: 4 }, { id: 2, age: 65_535 }], 2000));
    expect(fleet.get(1)?.receivedS).toBe(1996);
    expect(fleet.get(2)?.receivedS).toBeNull();
  });

  it('reads state, alarm and unknown heading from the bits', () => {
    const fleet = new FleetView();
    fleet.apply(frame('snapshot', [{ id: 1, status: 0b0110, heading: 135 }, { id: 2, status: 1, heading: 255 }]));
    expect(fleet.get(1)).toMatchObject({ state: 2, alarm: true, headingDeg: 270 });
    expect(fleet.get(2)).toMatchObject({ state: 1, alarm: false, headingDeg: null });
  });

  it('takes 20,000 vehicles in well under a frame of 100 ms', () => {
    const n = 20_000;
    const buffer = new ArrayBuffer(16 + 17 * n);
    new Uint32Array(buffer, 0, 4).set([n, 1 | (1 << 8), 5000, 1]);
    new Uint32Array(buffer, 16 + 8 * n, n).set(Uint32Array.from({ length: n }, (_, id) => id + 1));
    const fleet = new FleetView();
    const before = performance.now();
    fleet.apply(decodeFrame(buffer) as VehicleFrame);
    expect(performance.now() - before).toBeLessThan(100);
    expect(fleet.size).toBe(n);
  });
});
