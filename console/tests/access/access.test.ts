import { describe, expect, it } from 'vitest';

import { looksLikePhone, neighbourDay, readAddress, writeAddress } from '@/pages/access/address';
import { explainCommand, hexLines } from '@/pages/access/hex';
import { axisOf, linesOf, pathOf, pointAt } from '@/pages/access/rates';
import type { RatePoint } from '@/pages/access/answers';
import { closedReason, reasonName, reasonOf } from '@/pages/access/reasons';
import { REASONS_EN } from '@/pages/access/reasons.en';
import { REASONS_ZH } from '@/pages/access/reasons.zh';
import { isLate } from '@/pages/access/refresh';

const now = Date.UTC(2026, 10, 20, 6, 32, 5); // 14:32:05 in China

describe('the address of the access page', () => {
  it('opens at the gateways, on the day of China', () => {
    expect(readAddress({}, now)).toMatchObject({ tab: 'gateways', page: 1, day: '2026-11-20', group: 'reason' });
    expect(readAddress({}, Date.UTC(2026, 10, 20, 17)).day).toBe('2026-11-21');
    expect(readAddress({}, now, 'sessions').tab).toBe('sessions');
    expect(writeAddress(readAddress({}, now, 'sessions'), now, 'sessions')).toEqual({});
    expect(writeAddress(readAddress({ tab: 'gateways' }, now, 'sessions'), now, 'sessions')).toEqual({ tab: 'gateways' });
  });

  it('comes back as it was written', () => {
    const query = {
      tab: 'ledger',
      day: '2026-11-18',
      group: 'terminal',
      reason: 'checksum',
      phone: '13900130001',
      page: '3',
    };
    expect(writeAddress(readAddress(query, now), now)).toEqual(query);
  });

  it('refuses days that are none, or not yet', () => {
    for (const day of ['2026-02-30', '2026-11-21', 'today', '2026-1-1', ['2026-11-01']]) {
      expect(readAddress({ tab: 'ledger', day }, now).day).toBe('2026-11-20');
    }
  });

  it('carries no filter of one tab to another', () => {
    const address = readAddress({ tab: 'ledger', reason: 'checksum' }, now);
    expect(writeAddress({ ...address, tab: 'sessions' }, now)).toEqual({ tab: 'sessions' });
  });

  it('steps over the end of a month', () => {
    expect([neighbourDay('2026-11-01', -1), neighbourDay('2028-02-28', 1)]).toEqual(['2026-10-31', '2028-02-29']);
  });

  it('tells a phone from a plate; phones may hold hex digits', () => {
    expect([looksLikePhone('13900130001'), looksLikePhone('86a1f'), looksLikePhone('粤B'), looksLikePhone('B12X')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe('the rate chart', () => {
  const point = (at: number, value: number): RatePoint => [at, value, value, value, value];
  const series = (n: number) =>
    Array.from({ length: n }, (_, i) => ({ gateway: `gw-${i}`, points: [point(0, 1), point(10_000, 2)] }));

  it('draws one line a gateway, and one sum when there are too many to tell apart', () => {
    expect(linesOf({ as_of: 0, step_s: 10, series: series(6) }, 'all')).toHaveLength(6);
    const [sum, ...none] = linesOf({ as_of: 0, step_s: 10, series: series(7) }, 'all');
    expect(none).toEqual([]);
    expect(sum).toEqual({ name: 'all', points: [point(0, 7), point(10_000, 14)] });
  });

  it('lifts the pen where nothing was reported', () => {
    const path = pathOf(
      [point(0, 1), point(10_000, 1), point(60_000, 1)],
      1,
      10_000,
      (t) => t / 1000,
      (v) => v,
    );
    expect(path).toBe('M0.0 1.0L10.0 1.0M60.0 1.0');
  });

  it('has an axis from 0 to a round number above the highest value', () => {
    expect(axisOf(0).ticks[0]).toBe(0);
    for (const highest of [0.4, 3, 97, 498, 1494, 20_000]) {
      const { top, ticks } = axisOf(highest);
      expect(top).toBeGreaterThanOrEqual(highest);
      expect(top).toBeLessThanOrEqual(Math.max(2 * highest, 3));
      expect(ticks.length).toBeLessThanOrEqual(5);
    }
  });

  it('reads no value where there is none', () => {
    expect(pointAt([point(0, 5)], 100_000, 10_000)).toBeNull();
    expect(pointAt([point(0, 5), point(10_000, 6)], 9_000, 10_000)?.[1]).toBe(6);
  });
});

describe('reasons', () => {
  it('are explained in both languages', () => {
    expect(Object.keys(REASONS_EN).sort()).toEqual(Object.keys(REASONS_ZH).sort());
    for (const words of [...Object.values(REASONS_EN), ...Object.values(REASONS_ZH)]) {
      expect(words.every((word) => word.length > 1)).toBe(true);
    }
  });

  it('include what the protocol refuses by name', () => {
    const frames = ['delimiter', 'escape', 'short', 'short_header', 'checksum', 'body_length', 'fragment', 'version'];
    const gateway = ['not_authenticated', 'phone_mismatch', 'encrypted', 'too_long', 'rate'];
    for (const code of [...frames, ...gateway]) expect(reasonOf(code, 'zh')).not.toBeNull();
  });

  it('that are unknown are shown as they are', () => {
    expect(reasonOf('vendor_7', 'zh')).toBeNull();
    expect(reasonName('vendor_7', 'en')).toBe('vendor_7');
    expect(closedReason('struck by lightning', 'zh')).toBe('struck by lightning');
  });
});

describe('the example frame', () => {
  it('is shown sixteen bytes a line with offsets', () => {
    const lines = hexLines('7e'.repeat(17));
    expect(lines[0]).toEqual({ offset: '0000', bytes: Array(16).fill('7E').join(' ') });
    expect(lines[1]).toEqual({ offset: '0010', bytes: '7E' });
  });

  it('goes to the explain command whole', () => {
    expect(explainCommand('7e00027e')).toBe('luwei explain 7E00027E');
  });
});

describe('late figures', () => {
  it('are those older than three periods, and never younger than five seconds', () => {
    expect(isLate(0, 4_000, 1_000)).toBe(false);
    expect(isLate(0, 6_000, 1_000)).toBe(true);
    expect(isLate(0, 29_000, 10_000)).toBe(false);
    expect(isLate(null, 1e9, 1_000)).toBe(false);
  });
});
