import { describe, expect, it } from 'vitest';

import { lateness, readText, retryDelayS, type Summary } from '@/live/summary';

const summary: Summary = {
  type: 'summary',
  as_of: 1,
  total: 3,
  online: 2,
  moving: 1,
  stopped: 1,
  offline: 1,
  alarm: 0,
  in_view: 3,
  delay_ms: 1200,
  per_s: 20,
};

describe('live text messages', () => {
  it('are read when they are summaries or errors', () => {
    expect(readText(JSON.stringify(summary))).toEqual(summary);
    expect(readText('{"type":"error","field":"zoom","rule":"range"}')).toMatchObject({ field: 'zoom' });
  });

  it('are passed over when they are anything else', () => {
    expect(readText('{"type":"later"}')).toBeNull();
    expect(readText('not json')).toBeNull();
  });
});

describe('reconnecting', () => {
  it('waits 1, 2, 4, 8 and then 15 seconds', () => {
    expect([1, 2, 3, 4, 5, 9].map((attempt) => retryDelayS(attempt, 0.5))).toEqual([1, 2, 4, 8, 15, 15]);
  });

  it('spreads the screens by a quarter either way', () => {
    expect(retryDelayS(5, 0)).toBe(11.25);
    expect(retryDelayS(5, 1)).toBe(18.75);
  });
});

describe('lateness', () => {
  it('is nothing while summaries come and the data is fresh', () => {
    expect(lateness(summary, 1000, 2000)).toBe(0);
  });

  it('is the silence once no summary came for five seconds', () => {
    expect(lateness(summary, 1000, 7000)).toBe(6000);
  });

  it('is the delay of the data when that exceeds ten seconds', () => {
    expect(lateness({ ...summary, delay_ms: 360_000 }, 1000, 1500)).toBe(360_000);
  });

  it('is unknown before the first summary', () => {
    expect(lateness(null, 0, 99_000)).toBe(0);
  });
});
