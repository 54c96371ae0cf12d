import { describe, expect, it } from 'vitest';

import { readAddress, writeAddress } from '@/pages/access/address';
import { byDevice, keyOf } from '@/pages/access/deviations';
import type { DeviationGroup } from '@/pages/access/deviations';

const now = Date.UTC(2026, 10, 20, 6, 32, 5);

const row = (model: string, firmware: string, reason: string, count: number, more: Partial<DeviationGroup> = {}): DeviationGroup => ({
  manufacturer_id: '70305', model, firmware, profile: 'standard-2013@1', kind: 'noted', message_id: 0x0200, expected: false, count,
  terminals: 1, first_at: 1, last_at: 2, example_hex: '7e', reason, detail: '', clause: '§8.21', quirk: '', zh: '', en: '', ...more,
});

describe('deviations', () => {
  it('are summed by model and firmware, the most frequent first', () => {
    const rows = [row('HD-T20', 'V1', 'item_unknown', 3), row('NT-7S', 'V2', 'items_broken', 9), row('HD-T20', 'V1', 'charset', 4), row('HD-T20', 'V2', 'charset', 1)];
    expect(byDevice(rows).map((one) => [one.model, one.firmware, one.count, one.clauses])).toEqual([
      ['NT-7S', 'V2', 9, 1],
      ['HD-T20', 'V1', 7, 2],
      ['HD-T20', 'V2', 1, 1],
    ]);
  });

  it('have a key of their own even where only the item differs', () => {
    const keys = [row('A', '', 'item_unknown', 1, { detail: '0xEB' }), row('A', '', 'item_unknown', 1, { detail: '0xE5' })].map(keyOf);
    expect(new Set(keys).size).toBe(2);
  });

  it('stand in the address with their days, device and switch', () => {
    const query = { tab: 'deviations', day: '2026-11-18', days: '7', model: 'HD', expected: '1' };
    expect(writeAddress(readAddress(query, now), now)).toEqual(query);
    expect(readAddress({ tab: 'deviations', days: '9' }, now)).toMatchObject({ days: 1, model: '', expected: false });
  });
});
