import { describe, expect, it } from 'vitest';

import { readAddress, recordQuery, writeAddress } from '@/pages/assets/address';
import { missing, toSend } from '@/pages/assets/form';
import { bodyOf, fieldsOf, namedRecord, NOUN_CODES, NOUNS } from '@/pages/assets/nouns';
import { ruleText } from '@/api/rules';
import { branchOf, isLeaf } from '@/pages/assets/tree';

describe('the address of the registry', () => {
  it('keeps tab, filters and the open record, and drops what is broken', () => {
    const read = readAddress({ tab: 'vehicles', q: '粤B', sort: '-plate', page: '3', id: '7', view: 'history' });
    expect(read).toEqual({ tab: 'vehicles', q: '粤B', kind: '', org: null, sort: '-plate', page: 3, id: 7, view: 'history' });
    expect(writeAddress(read, { city: '440300' })).toEqual({
      tab: 'vehicles', q: '粤B', city: '440300', sort: '-plate', page: '3', id: '7', view: 'history',
    });
    expect(readAddress({ tab: 'bridges', sort: 'drop table', page: '-1', id: '1e9x', view: 'x' })).toEqual({
      tab: 'organisations', q: '', kind: '', org: null, sort: '', page: 1, id: null, view: 'facts',
    });
  });

  it('leads to a record', () => {
    expect(readAddress({}, 'vehicles').tab).toBe('vehicles');
    expect(writeAddress(readAddress({}, 'vehicles'), {}, 'vehicles')).toEqual({});
    expect(readAddress(writeAddress(readAddress({ tab: 'vehicles', id: '7' }, 'vehicles'), {}, 'vehicles'), 'vehicles')).toMatchObject({ tab: 'vehicles', id: 7 });
    expect(readAddress(recordQuery('organisations', 4), 'vehicles')).toMatchObject({ tab: 'organisations', id: 4 });
    expect(recordQuery('organisations', 4)).toEqual({ id: '4' });
    expect(recordQuery('sims', 4)).toEqual({ tab: 'sims', id: '4' });
  });
});

describe('a record being written', () => {
  const noun = NOUNS.vehicles;
  const row = { id: 1, plate: '粤B12345', plate_color: 2, vin: null, city: 440300, county: 440305, operator: { id: 9, name: '甲' }, vin_confirmed: false };

  it('sends only what differs of a change', () => {
    const values = bodyOf(noun, row);
    expect(values.operator_id).toBe(9);
    expect(toSend(noun, { ...values }, row)).toEqual({});
    expect(toSend(noun, { ...values, plate: ' 粤B12346 ', operator_id: null }, row)).toEqual({ plate: '粤B12346', operator_id: null });
  });

  it('sends a county along with its city', () => {
    expect(toSend(noun, { ...bodyOf(noun, row), city: 440100, county: 440103 }, row)).toEqual({ city: 440100, county: 440103 });
  });

  it('sends of a new record what was filled in, and asks for what must be', () => {
    const values = { ...bodyOf(noun, null), plate: '粤B12345', plate_color: 2, vin: '  ' };
    expect(toSend(noun, values, null)).toEqual({ plate: '粤B12345', plate_color: 2 });
    expect(missing(noun, values)).toEqual([]);
    expect(missing(noun, bodyOf(noun, null)).map((field) => field.name)).toEqual(['plate', 'plate_color']);
  });

  it('never sends what the system writes or what the kind does not have', () => {
    const body = toSend(NOUNS.organisations, { kind: 'insurer', name: '甲', area: 440000, disabled_at: 3, licence_number: 'x' }, null);
    expect(body).toEqual({ kind: 'insurer', name: '甲' });
  });
});

describe('the nouns', () => {
  it.each(NOUN_CODES)('%s names each field once and lists only fields it has', (code) => {
    const names = fieldsOf(NOUNS[code]).map((field) => field.name);
    expect(new Set(names).size).toBe(names.length);
    for (const column of [...NOUNS[code].columns, ...Object.keys(NOUNS[code].sorts)]) expect(names).toContain(column);
  });

  it('finds the record that a field names, by itself or by its id', () => {
    const field = fieldsOf(NOUNS.terminals).find((each) => each.name === 'vendor_id')!;
    expect(namedRecord(field, { vendor: { id: 3, name: '甲' } })).toEqual({ id: 3, label: '甲' });
    expect(namedRecord(field, { vendor: null, vendor_id: 3 })).toEqual({ id: 3, label: null });
    expect(namedRecord(field, { vendor: null })).toBeNull();
  });
});

describe('the rules of the server', () => {
  it('are said in Chinese with their figures', () => {
    expect(ruleText('must have at most 40 characters')).toBe('最多 40 个字符');
    expect(ruleText('another vehicle has this VIN: 粤B12345（黄）')).toBe('已被其他记录使用');
    expect(ruleText('another vehicle has this VIN; it exists elsewhere')).toBe('已在其他辖区登记');
    expect(ruleText('the case changed meanwhile: 监控员01 Verdict (判定) at 01:24:05')).toBe('监控员01 01:24:05 判定');
    expect(ruleText('a case that is handled cannot be handed over')).toBe('处置单当前状态不允许此操作');
    expect(ruleText('something new')).toBe('something new');
    expect(ruleText('unreachable')).toBe('服务器没有应答，请检查网络后重试');
  });
});

describe('the tree of organisations', () => {
  const body = { id: 5, kind: 'operator', parent_id: null, name: '甲', short_name: null, area: null, city: 440300, county: 440305, disabled_at: null, children: 0 };
  it('finds the operators of a county by its area, and ends at an operator without fleets', () => {
    expect(isLeaf(branchOf(body))).toBe(true);
    const county = branchOf({ ...body, kind: 'county', area: 440305, children: 0 });
    expect(county.key).toBe('a440305');
    expect(county.queries).toEqual([{ kind: ['operator', 'sole_trader', 'fleet'], county: 440305, parent: 0 }]);
  });
});
