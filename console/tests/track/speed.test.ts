import { describe, expect, it } from 'vitest';

import { axisTimes, axisTop, speedStretches } from '@/pages/track/speed';
import { buildTrack } from '@/pages/track/track';

import { answerOf } from './sample';

const S = 1000;

describe('the speed curve', () => {
  it('keeps a peak that shares its pixel with a thousand points', () => {
    const points = Array.from({ length: 10_000 }, (_, k) => ({ at: k * S, speed: k === 5_003 ? 131 : 60 }));
    const [stretch] = speedStretches(buildTrack(answerOf(points)), 0, 9_999 * S, 100);
    expect(Math.max(...(stretch?.v ?? []))).toBe(131);
    expect(stretch?.x.length).toBeLessThan(420);
  });

  it('is cut at a hole', () => {
    const points = [
      { at: 0, speed: 60 },
      { at: 10 * S, speed: 61 },
      { at: 900 * S, speed: 62 },
    ];
    expect(speedStretches(buildTrack(answerOf(points)), 0, 900 * S, 500)).toHaveLength(2);
  });

  it('draws only what the window shows, with one neighbour on each side', () => {
    const points = Array.from({ length: 100 }, (_, k) => ({ at: k * 10 * S, speed: k }));
    const [stretch] = speedStretches(buildTrack(answerOf(points)), 305 * S, 345 * S, 1000);
    expect(stretch?.v).toEqual([30, 31, 32, 33, 34, 35]);
  });

  it('has nothing to draw in an empty window', () => {
    expect(speedStretches(buildTrack(answerOf([{ at: 0 }])), 10, 10, 100)).toEqual([]);
  });
});

describe('the axes', () => {
  it('leave room above the highest speed', () => {
    expect([axisTop(0), axisTop(79), axisTop(105)]).toEqual([80, 100, 120]);
  });

  it('mark round minutes of China Standard Time', () => {
    const from = Date.UTC(2026, 10, 19, 22, 12); // 06:12 in China
    const { step, times } = axisTimes(from, from + 334 * 60_000, 1300);
    expect(step).toBe(30 * 60_000);
    expect(new Date(times[0] ?? 0).toISOString()).toBe('2026-11-19T22:30:00.000Z');
  });

  it('mark days for a week', () => {
    expect(axisTimes(0, 7 * 86_400_000, 700).step).toBe(86_400_000);
  });
});
