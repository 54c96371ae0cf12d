import { describe, expect, it } from 'vitest';

import { PACE, advance, faster, neighbourEvent, skipSpans } from '@/pages/track/replay';

const MIN = 60_000;

describe('the replay clock', () => {
  it('plays PACE seconds of the road a second at 1×', () => {
    expect(advance(0, 100, 1, 9e9, [])).toEqual({ t: 100 * PACE, playing: true });
    expect(advance(0, 100, 16, 9e9, []).t).toBe(1600 * PACE);
  });

  it('stops exactly at the end', () => {
    expect(advance(900, 100, 16, 1000, [])).toEqual({ t: 1000, playing: false });
  });

  it('does not leap after the page was hidden', () => {
    expect(advance(0, 60_000, 1, 9e9, []).t).toBe(250 * PACE);
  });

  it('never runs backwards', () => {
    expect(advance(500, -40, 4, 9e9, []).t).toBe(500);
  });

  it('passes over a stop after showing its beginning', () => {
    const stop: [number, number] = [10 * MIN, 30 * MIN];
    expect(advance(10 * MIN, 100, 1, 9e9, [stop]).t).toBe(10 * MIN + 3000);
    expect(advance(10 * MIN + 19_000, 100, 1, 9e9, [stop]).t).toBe(30 * MIN);
  });

  it('passes over two stops that touch as one', () => {
    expect(
      skipSpans([
        [30 * MIN, 40 * MIN],
        [10 * MIN, 30 * MIN],
      ]),
    ).toEqual([[10 * MIN, 40 * MIN]]);
  });

  it('shows short halts whole', () => {
    expect(skipSpans([[0, 30_000]])).toEqual([]);
  });
});

describe('neighbouring events', () => {
  const times = [30_000, 10_000, 20_000];

  it('are found whatever their order', () => {
    expect(neighbourEvent(times, 15_000, 1)).toBe(20_000);
    expect(neighbourEvent(times, 15_000, -1)).toBe(10_000);
  });

  it('leave the one being stood on', () => {
    expect(neighbourEvent(times, 20_000, 1)).toBe(30_000);
    expect(neighbourEvent(times, 20_000, -1)).toBe(10_000);
  });

  it('end at both ends', () => {
    expect(neighbourEvent(times, 30_000, 1)).toBeNull();
    expect(neighbourEvent(times, 10_000, -1)).toBeNull();
  });
});

describe('rates', () => {
  it('double and halve between 1× and 16×', () => {
    expect([faster(1, 1), faster(16, 1), faster(1, -1), faster(8, -1)]).toEqual([2, 16, 1, 4]);
  });
});
