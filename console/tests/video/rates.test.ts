import { describe, expect, it } from 'vitest';

import { RateWindow, WINDOW_MS } from '@/video/rates';

describe('figures of the last seconds', () => {
  it('are rates between the first and the last count', () => {
    const window = new RateWindow();
    expect(window.rates()).toBeNull();
    window.add({ atMs: 0, bytes: 0, frames: 0, dropped: 0 });
    window.add({ atMs: 2_000, bytes: 100_000, frames: 50, dropped: 5 });
    expect(window.rates()).toEqual({ bitRate: 400_000, framesPerS: 25, droppedShare: 0.1 });
  });

  it('forget what is older than their window', () => {
    const window = new RateWindow();
    for (let second = 0; second <= 20; second += 1) {
      window.add({ atMs: second * 1000, bytes: second < 10 ? 0 : (second - 10) * 1_000, frames: second, dropped: 0 });
    }
    expect(window.rates()?.bitRate).toBe(8_000);
    expect(WINDOW_MS).toBe(4_000);
  });

  it('begin anew where a counter goes back', () => {
    const window = new RateWindow();
    window.add({ atMs: 0, bytes: 5_000, frames: 100, dropped: 0 });
    window.add({ atMs: 1_000, bytes: 6_000, frames: 2, dropped: 0 });
    expect(window.rates()).toBeNull();
  });
});
