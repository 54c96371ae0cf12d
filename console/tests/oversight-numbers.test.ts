import { describe, expect, it } from 'vitest';

import { exact } from '@/api/oversight-numbers';
import { compare, median } from '@/pages/oversight/flags/compare';
import { funnelWidth, orderOf, orderText, sorted, turned, wilson } from '@/pages/oversight/numbers/counting';
import { dayNumber, dayText, periodOf, presetOf, presetPeriod } from '@/pages/oversight/numbers/period';
import { GROUPS, unknownPaths, valueAt, withValue } from '@/pages/oversight/rules/fields';

describe('the interval of a share', () => {
  it('has the bounds of the formula', () => {
    // 10 of 50 by hand, z = 1.96: (0.2 + 0.038416 ± 1.96·√(0.0032 + 0.00038416)) / 1.076832
    expect(wilson(10, 50)?.low).toBeCloseTo(11.244, 2);
    expect(wilson(10, 50)?.high).toBeCloseTo(33.037, 2);
    expect(wilson(0, 10)).toEqual({ low: 0, high: expect.closeTo(27.753, 2) as number });
    expect(wilson(10, 10)?.high).toBe(100);
  });
  it('is none for an empty sample', () => expect(wilson(0, 0)).toBeNull());
});

describe('the order of a table', () => {
  const keys = ['name', 'rate'] as const;
  it('is read from the address and written to it', () => {
    const standing = { key: 'rate', down: true } as const;
    expect(orderOf('-name', keys, standing)).toEqual({ key: 'name', down: true });
    expect(orderOf('speed', keys, standing)).toBe(standing);
    expect(orderText({ key: 'rate', down: true })).toBe('-rate');
  });
  it('turns round at the second press; names begin with the first, figures with the largest', () => {
    expect(turned({ key: 'rate', down: true }, 'rate', ['name'])).toEqual({ key: 'rate', down: false });
    expect(turned({ key: 'rate', down: true }, 'name', ['name'])).toEqual({ key: 'name', down: false });
  });
  it('keeps what has no value last either way', () => {
    const rows = [{ v: null }, { v: 2 }, { v: 10 }];
    expect(sorted(rows, (row) => row.v, true).map((row) => row.v)).toEqual([10, 2, null]);
    expect(sorted(rows, (row) => row.v, false).map((row) => row.v)).toEqual([2, 10, null]);
  });
});

describe('the funnel', () => {
  it('is as wide as the logarithm of its step, and never so narrow that it cannot be seen', () => {
    expect(funnelWidth(999, 999)).toBe(1);
    expect(funnelWidth(9, 999)).toBeCloseTo(1 / 3, 9);
    expect(funnelWidth(1, 10 ** 12)).toBe(0.04);
    expect(funnelWidth(0, 999)).toBe(0);
  });
});

describe('the period', () => {
  const NOW = Date.parse('2026-11-22T17:00:00Z'); // 01:00 on the 23rd in China
  it('is of days in China, both included', () => {
    const month = periodOf('', '', NOW);
    expect([month.first, month.last, month.to_day - month.from_day]).toEqual(['2026-10-25', '2026-11-23', 29]);
    expect(new Date(month.from).toISOString()).toBe('2026-10-24T16:00:00.000Z');
    expect(month.to - month.from).toBe(30 * 86_400_000);
    expect(presetOf(month, NOW)).toBe('month');
    expect(presetPeriod('today', NOW)).toMatchObject({ first: '2026-11-23', last: '2026-11-23' });
  });
  it('falls back where the address names none that holds', () => {
    for (const [from, to] of [['2026-11-23', '2026-11-01'], ['2020-01-01', '2026-01-01'], ['2026-02-30', '2026-03-01'], ['x', 'y']] as const) {
      expect(presetOf(periodOf(from, to, NOW), NOW)).toBe('month');
    }
    expect(periodOf('2026-11-01', '2026-11-02', NOW)).toMatchObject({ from_day: dayNumber('2026-11-01'), to_day: dayNumber('2026-11-02') });
    expect(dayText(20_000)).toBe('2024-10-04');
  });
});

describe('a question', () => {
  it('asks for rows of no model by an empty text, and leaves out what is any', () => {
    expect(exact('/x', { model: '', vendor: 0, type: undefined, city: null, page: 2 })).toBe('/x?model=&vendor=0&page=2');
  });
});

describe('cases behind a flag', () => {
  const row = (id: number, at: number, text: string) => ({ id, number: `N${id}`, type: '6502', plate: '粤A00001', plate_color: 2, at, ms: null, text });
  it('stand in the order of their verdicts with the pause before each and how many say the same', () => {
    const found = compare([row(2, 5_000, '已确认  属实'), row(1, 1_000, '已确认 属实'), row(3, 6_500, '水杯'), row(4, 7_000, '')]);
    expect(found.map((each) => [each.row.id, each.gap, each.same])).toEqual([[1, null, 2], [2, 4_000, 2], [3, 1_500, 1], [4, 500, 1]]);
    expect([median([4, 1, 3]), median([4, 1]), median([])]).toEqual([3, 2.5, null]);
  });
});

describe('the oversight policy', () => {
  const rules = { orders: { urgent_s: 7200 }, sham: { many: { more_than: 40 } }, packages: { keep_days: 7 } };
  it('is changed at a path, and what was given stays', () => {
    const next = withValue(rules, 'sham.many.more_than', 50);
    expect([valueAt(next, 'sham.many.more_than'), valueAt(rules, 'sham.many.more_than'), valueAt(next, 'orders.urgent_s')]).toEqual([50, 40, 7200]);
    expect(valueAt(rules, 'sham.unseen.more_than')).toBeNull();
  });
  it('has no field twice, and tells what it does not show', () => {
    const paths = GROUPS.flatMap((group) => group.fields.map(({ path }) => path));
    expect(new Set(paths).size).toBe(paths.length);
    expect(unknownPaths(rules)).toEqual([]);
    expect(unknownPaths({ ...rules, orders: { urgent_s: 1, weekend: true } })).toEqual(['orders.weekend']);
  });
});
