import { describe, expect, it } from 'vitest';

import { type CityCount, together } from '@/pages/monitor/city-counts';

const of = (total: number, online: number, asOf: number): CityCount => ({ total, online, moving: 1, stopped: online - 1, offline: total - online, alarm: 2, asOf });

describe('what the cities make together', () => {
  const counts = new Map([
    [440100, of(10, 6, 2_000)],
    [440300, of(5, 1, 1_000)],
  ]);

  it('is the sum, as old as its oldest part', () => {
    expect(together(counts, null)).toEqual({ total: 15, online: 7, moving: 2, stopped: 5, offline: 8, alarm: 4, asOf: 1_000 });
  });

  it('is one city where one is chosen, and nothing where that is not known', () => {
    expect(together(counts, 440100)?.total).toBe(10);
    expect(together(counts, 440500)).toBeNull();
    expect(together(new Map(), null)).toBeNull();
  });
});
