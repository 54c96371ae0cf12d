import { describe, expect, it } from 'vitest';

import { FLAG_DRIFT, FLAG_NOT_FIXED, FLAG_PLACE_IMPOSSIBLE, FLAG_UNQUALIFIED, ORIGIN_BACKFILL } from '@/pages/track/answer';
import { buildTrack, indexAt, metresBetween, placeAt } from '@/pages/track/track';

import { answerOf } from './sample';

const S = 1000;
const every10s = (n: number, start = 0) =>
  Array.from({ length: n }, (_, k) => ({ at: start + k * 10 * S, lat: 23 + k * 0.001, speed: 40 }));

describe('building a track', () => {
  it('keeps points in order of time even when they arrive otherwise', () => {
    const track = buildTrack(answerOf([{ at: 3 * S }, { at: 1 * S }, { at: 2 * S }]));
    expect([...track.at]).toEqual([1 * S, 2 * S, 3 * S]);
  });

  it('leaves out points that have no place', () => {
    const track = buildTrack(
      answerOf([{ at: 1 }, { at: 2, flags: FLAG_NOT_FIXED }, { at: 3, flags: FLAG_PLACE_IMPOSSIBLE }, { at: 4 }]),
    );
    expect([...track.at]).toEqual([1, 4]);
  });

  it('cuts the line at a gap of the server', () => {
    const points = [...every10s(3), ...every10s(3, 400 * S)];
    const gap = { from: 20 * S, to: 400 * S, metres: 5000, from_index: 2 };
    const track = buildTrack(answerOf(points, [gap]));
    expect(track.segments).toEqual([
      { first: 0, last: 2 },
      { first: 3, last: 5 },
    ]);
    expect(track.holes).toEqual([{ before: 2, after: 3, from: 20 * S, to: 400 * S, gap }]);
  });

  it('cuts the line where nothing came for more than 300 s although the truck stood', () => {
    const track = buildTrack(answerOf([{ at: 0 }, { at: 300 * S }, { at: 601 * S }]));
    expect(track.segments).toEqual([
      { first: 0, last: 1 },
      { first: 2, last: 2 },
    ]);
    expect(track.holes[0]?.gap).toBeNull();
  });

  it('finds backfilled runs and ends them at a hole', () => {
    const b = ORIGIN_BACKFILL;
    const track = buildTrack(
      answerOf([
        { at: 0 },
        { at: 10 * S, origin: b },
        { at: 20 * S, origin: b },
        { at: 900 * S, origin: b },
        { at: 910 * S },
      ]),
    );
    expect(track.backfills).toEqual([
      { first: 1, last: 2 },
      { first: 3, last: 3 },
    ]);
  });

  it('counts no stationary jitter as distance', () => {
    const track = buildTrack(
      answerOf([
        { at: 0, lat: 23 },
        { at: 10 * S, lat: 23.0002 },
        { at: 20 * S, lat: 23.0102 },
      ]),
    );
    expect(track.metres[1]).toBe(0);
    expect(track.metres[2]).toBeCloseTo(1112, 0);
  });

  it('is empty for an empty answer', () => {
    const track = buildTrack(answerOf([]));
    expect(track.n).toBe(0);
    expect(track.segments).toEqual([]);
    expect(placeAt(track, 5)).toBeNull();
  });
});

describe('raw points', () => {
  it('that are drift or impossible lie beside the line, not on it', () => {
    const track = buildTrack(
      answerOf([
        { at: 1 },
        { at: 2, lat: 24, flags: FLAG_DRIFT },
        { at: 3, flags: FLAG_UNQUALIFIED },
        { at: 4, flags: FLAG_DRIFT | FLAG_NOT_FIXED },
        { at: 5 },
      ]),
    );
    expect([...track.at]).toEqual([1, 5]);
    expect(track.strays).toHaveLength(4);
  });
});

describe('distance', () => {
  it('of one degree of latitude is 111.195 km on the mean sphere', () => {
    expect(metresBetween(22, 113, 23, 113)).toBeCloseTo(111_195, -1);
  });
});

describe('place at a time', () => {
  const points = [...every10s(3), ...every10s(2, 1000 * S)];
  const track = buildTrack(answerOf(points, [{ from: 20 * S, to: 1000 * S, metres: 9000, from_index: 2 }]));

  it('lies between two reports', () => {
    const place = placeAt(track, 5 * S);
    expect(place?.lat).toBeCloseTo(23.0005, 6);
    expect(place?.share).toBe(0.5);
  });

  it('stays at the last known place during a gap', () => {
    const place = placeAt(track, 500 * S);
    expect(place?.lat).toBeCloseTo(23.002, 6);
    expect(place?.hole?.gap?.metres).toBe(9000);
  });

  it('takes the heading from the movement where the terminal sends none', () => {
    expect(placeAt(track, 5 * S)?.heading).toBeCloseTo(0, 6);
  });

  it('is the first point before the beginning and the last after the end', () => {
    expect(placeAt(track, -5)?.index).toBe(0);
    expect(placeAt(track, 9e12)?.index).toBe(4);
  });
});

describe('index at a time', () => {
  it('is the last point at or before it', () => {
    const at = Float64Array.from([10, 20, 20, 30]);
    expect([5, 10, 19, 20, 31].map((t) => indexAt(at, t))).toEqual([-1, 0, 0, 2, 3]);
  });
});
