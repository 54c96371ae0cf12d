import { describe, expect, it } from 'vitest';

import { after, COMING, CONNECTED, EVENTS, NEXT, retryDelayMs, STATES } from '@/video/states';

describe('the states of a live picture', () => {
  it('lead nowhere but to states of the table', () => {
    for (const state of STATES) for (const next of Object.values(NEXT[state])) expect(STATES).toContain(next);
  });

  it('are all reached from the beginning', () => {
    const reached = new Set<string>(['idle']);
    for (const state of reached) for (const next of Object.values(NEXT[state as 'idle'])) reached.add(next);
    expect([...reached].sort()).toEqual([...STATES].sort());
  });

  it('go from the wish to the picture', () => {
    const way = (['start', 'ticket', 'opened', 'frame'] as const).reduce<string[]>((seen, event) => {
      const state = after((seen.at(-1) ?? 'idle') as 'idle', event);
      return [...seen, String(state)];
    }, ['idle']);
    expect(way).toEqual(['idle', 'asking', 'connecting', 'waiting', 'live']);
  });

  it('show no picture that was refused, whatever comes late', () => {
    for (const event of EVENTS) expect(after('ended', event)).not.toBe('live');
    expect(after('ended', 'frame')).toBeNull();
    expect(after('ended', 'show')).toBeNull();
  });

  it('wake nothing that was stopped', () => {
    for (const event of EVENTS) if (event !== 'start') expect(after('idle', event)).toBeNull();
  });

  it('can be stopped, hidden and refused wherever a connection stands', () => {
    for (const state of CONNECTED) {
      expect(after(state, 'stop')).toBe('idle');
      expect(after(state, 'hide')).toBe('paused');
      expect(after(state, 'refused')).toBe('ended');
      expect(after(state, 'lost')).toBe('lost');
    }
    for (const state of COMING) expect(CONNECTED).toContain(state);
  });

  it('leave a refusal alone while nobody looks', () => {
    expect(after('ended', 'hide')).toBeNull();
  });
});

describe('a connection that is lost', () => {
  it('is tried again three times within five seconds, then every five', () => {
    const delays = [1, 2, 3, 4, 5, 50].map(retryDelayMs);
    expect(delays.slice(0, 3).reduce((sum, each) => sum + each, 0)).toBeLessThan(5_000);
    expect(Math.max(...delays)).toBe(5_000);
    expect([...delays].sort((a, b) => a - b)).toEqual(delays);
  });
});
