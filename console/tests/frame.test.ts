import { describe, expect, it } from 'vitest';

import { decodeFrame, FrameError, type VehicleFrame } from '@/live/frame';

/** A frame written by hand, field by field, as the format's table says. */
export function vehicleBytes(
  kind: number,
  base: number,
  rows: { lon: number; lat: number; id: number; age: number; speed: number; heading: number; status: number }[],
  version = 1,
): ArrayBuffer {
  const n = rows.length;
  const buffer = new ArrayBuffer(16 + 17 * n);
  const view = new DataView(buffer);
  view.setUint32(0, n, true);
  view.setUint32(4, kind | (version << 8), true);
  view.setUint32(8, base, true);
  view.setUint32(12, 77, true);
  rows.forEach((row, i) => {
    view.setInt32(16 + 4 * i, row.lon, true);
    view.setInt32(16 + 4 * n + 4 * i, row.lat, true);
    view.setUint32(16 + 8 * n + 4 * i, row.id, true);
    view.setUint16(16 + 12 * n + 2 * i, row.age, true);
    view.setUint8(16 + 14 * n + i, row.speed);
    view.setUint8(16 + 15 * n + i, row.heading);
    view.setUint8(16 + 16 * n + i, row.status);
  });
  return buffer;
}

const truck = { lon: 113_264_385, lat: 23_129_112, id: 42, age: 3, speed: 64, heading: 26, status: 2 };

describe('decodeFrame', () => {
  it('reads every column of a vehicle snapshot', () => {
    const frame = decodeFrame(
      vehicleBytes(1, 1_795_000_000, [truck, { ...truck, lon: -1, id: 4_000_000_000, age: 65_535, status: 0b1110 }]),
    ) as VehicleFrame;
    expect(frame.kind).toBe('snapshot');
    expect([frame.n, frame.base, frame.seq]).toEqual([2, 1_795_000_000, 77]);
    expect([...frame.lonE6]).toEqual([113_264_385, -1]);
    expect([...frame.latE6]).toEqual([23_129_112, 23_129_112]);
    expect([...frame.id]).toEqual([42, 4_000_000_000]);
    expect([...frame.ageS]).toEqual([3, 65_535]);
    expect([...frame.speedKmh]).toEqual([64, 64]);
    expect([...frame.heading2]).toEqual([26, 26]);
    expect([...frame.status]).toEqual([2, 0b1110]);
  });

  it('tells a delta from a snapshot, and reads an odd number of rows', () => {
    const frame = decodeFrame(vehicleBytes(2, 10, [truck, truck, truck])) as VehicleFrame;
    expect(frame.kind).toBe('delta');
    expect([...frame.status]).toEqual([2, 2, 2]);
  });

  it('reads cells', () => {
    const buffer = new ArrayBuffer(16 + 20);
    new Uint32Array(buffer, 0, 4).set([1, 3 | (1 << 8), 100, 5]);
    new Int32Array(buffer, 16, 2).set([114_057_900, 22_543_100]);
    new Uint32Array(buffer, 24, 3).set([1200, 900, 4]);
    const frame = decodeFrame(buffer);
    if (frame.kind !== 'cells') throw new Error('cells expected');
    expect([frame.lonE6[0], frame.latE6[0], frame.count[0], frame.online[0], frame.alarm[0]]).toEqual([
      114_057_900, 22_543_100, 1200, 900, 4,
    ]);
  });

  it('reads a frame without rows', () => {
    expect(decodeFrame(vehicleBytes(1, 10, [])).n).toBe(0);
  });

  it('takes up to three bytes of padding and no more', () => {
    const plain = new Uint8Array(vehicleBytes(1, 10, [truck]));
    const padded = (extra: number): ArrayBuffer => {
      const longer = new Uint8Array(plain.length + extra);
      longer.set(plain);
      return longer.buffer;
    };
    expect(decodeFrame(padded(3)).n).toBe(1);
    expect(() => decodeFrame(padded(4))).toThrow(FrameError);
  });

  it.each([
    ['short', new ArrayBuffer(15)],
    ['version', vehicleBytes(1, 10, [truck], 2)],
    ['kind', vehicleBytes(9, 10, [truck])],
    ['length', vehicleBytes(1, 10, [truck, truck]).slice(0, 49)],
  ] as const)('refuses a frame of bad %s', (rule, buffer) => {
    try {
      decodeFrame(buffer);
      expect.unreachable();
    } catch (error) {
      expect((error as FrameError).rule).toBe(rule);
    }
  });
});
