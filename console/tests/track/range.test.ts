import { describe, expect, it } from 'vitest';
import { shallowRef } from 'vue';

import { dayStart, fromPicker, presetRange, rangeFault, timeOf, toPicker, useRange } from '@/pages/track/range';

import { mounted } from '../mounted';

const now = Date.UTC(2026, 10, 20, 6, 32, 5); // 14:32:05 in China

describe('time ranges', () => {
  it('begin the day at midnight in China', () => {
    expect(new Date(dayStart(now)).toISOString()).toBe('2026-11-19T16:00:00.000Z');
    expect(dayStart(dayStart(now))).toBe(dayStart(now));
    expect(dayStart(dayStart(now) - 1)).toBe(dayStart(now) - 86_400_000);
  });

  it('of today end in the present minute, of yesterday at midnight', () => {
    const today = presetRange('today', now);
    expect(new Date(today.to).toISOString()).toBe('2026-11-20T06:33:00.000Z');
    expect(presetRange('yesterday', now)).toEqual({ from: today.from - 86_400_000, to: today.from });
    const six = presetRange('hours6', now);
    expect(six.to - six.from).toBe(6 * 3_600_000);
  });

  it('are those of the day on which a truck is chosen, not of the one on which the page was opened', () => {
    const address = shallowRef<{ vehicle: number | null; from: number | null; to: number | null }>({ vehicle: null, from: null, to: null });
    let time = now;
    const { it: range } = mounted(() => useRange(() => address.value, () => time));
    expect(range.value).toEqual(presetRange('today', now));
    time = now + 86_400_000;
    address.value = { vehicle: 7, from: null, to: null };
    expect(range.value).toEqual(presetRange('today', time));
    time += 86_400_000;
    address.value = { vehicle: 8, from: 5, to: 6 };
    expect(range.value).toEqual({ from: 5, to: 6 });
  });

  it('are never empty, not even at midnight', () => {
    expect(rangeFault(presetRange('today', dayStart(now)))).toBeNull();
  });

  it('longer than 7 days or reversed are refused before anything is asked', () => {
    expect(rangeFault({ from: 0, to: 7 * 86_400_000 })).toBeNull();
    expect(rangeFault({ from: 0, to: 7 * 86_400_000 + 1 })).toBe('long');
    expect(rangeFault({ from: 5, to: 5 })).toBe('order');
  });

  it('from the address are numbers or nothing', () => {
    expect(timeOf('1763596800000')).toBe(1763596800000);
    for (const bad of ['', '-1', '1e9', 'NaN', '99999999999999', null, ['1'], '0']) expect(timeOf(bad)).toBeNull();
  });

  it('survive the date picker whatever the local time zone', () => {
    expect(fromPicker(toPicker(now))).toBe(now);
    expect(toPicker(now).getHours()).toBe(14);
  });
});
