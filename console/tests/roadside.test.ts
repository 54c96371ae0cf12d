import { describe, expect, it } from 'vitest';

import { grouped } from '@/pages/install/answers';
import type { Cell, Counts } from '@/pages/install/answers';
import { far, metres } from '@/pages/roadside/place';
import { colorFor, fits, isWhole, KEYS, plain } from '@/pages/roadside/plate';

describe('a plate on large keys', () => {
  it('offers what may follow and nothing else (GA 36-2018)', () => {
    expect(KEYS).toHaveLength(39);
    expect(KEYS.some((key) => key === 'I' || key === 'O')).toBe(false);
    expect([fits('', '粤'), fits('', 'A'), fits('粤', '1'), fits('粤', 'B'), fits('粤B', '挂')]).toEqual([true, false, false, true, false]);
    expect([fits('粤B1234', '挂'), fits('粤B1234', '5'), fits('粤B1234挂', '1'), fits('粤B123456', '7')]).toEqual([true, true, false, false]);
  });
  it('knows when it is whole', () => {
    expect(['粤B12345', '粤B1234挂', '粤BD12345', '粤B12345D'].map(isWhole)).toEqual([true, true, true, true]);
    expect(['粤B1234', '粤B123456', 'B123456', '粤1B2345'].map(isWhole)).toEqual([false, false, false, false]);
  });
  it('takes the colour that the form fixes, else the chosen one', () => {
    expect([colorFor('粤B1234挂', 1), colorFor('粤B12345', 1), colorFor('粤B12345', 93)]).toEqual([2, 1, 2]);
    expect([colorFor('粤B12345D', 2), colorFor('粤BD12345', 2), colorFor('粤B12345D', 5)]).toEqual([93, 94, 5]);
    expect(plain(' 粤b·12345 ')).toBe('粤B12345');
  });
});

it('reckons the distance on the device', () => {
  // a degree of latitude on the mean sphere is 111.195 km
  expect(Math.round(metres({ lat: 22, lon: 114 }, { lat: 23, lon: 114 }))).toBe(111_195);
  expect([far(84), far(1_240), far(34_400)]).toEqual(['80 m', '1.2 km', '34 km']);
});

it('sums the cells of the installation by one of their names, the largest first', () => {
  const counts = (due: number): Counts => ({ due, bound: 0, heard: 0, online: 0, never: 0, day: 0, week: 0, templated: 0, matched: 0 });
  const insurer = { id: 7, name: '甲' };
  const cells: Cell[] = [
    { city: 440300, insurer, vendor: null, counts: counts(2) },
    { city: 440300, insurer: null, vendor: null, counts: counts(4) },
    { city: null, insurer, vendor: null, counts: counts(3) },
  ];
  expect(grouped(cells, 'city', String).map((each) => [each.key, each.name, each.counts.due])).toEqual([[440300, '440300', 6], [0, null, 3]]);
  expect(grouped(cells, 'insurer', String).map((each) => [each.key, each.counts.due])).toEqual([[7, 5], [0, 4]]);
});
