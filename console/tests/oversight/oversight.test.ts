import { describe, expect, it } from 'vitest';

import type { CaseDetail } from '@/api/cases';
import type { OrderDetail, OversightWords, Proposal } from '@/api/oversight';
import { fromWall } from '@/format/time';
import { checkOf, emptyQuestion, hoursOf, monthsBack, questionOf, windowFault, windowOf } from '@/pages/oversight/checks/window';
import { fitting, isReady, MOST } from '@/pages/oversight/orders/attached';
import { filterOf, readOrders, writeOrders } from '@/pages/oversight/orders/address';
import { orderKey } from '@/pages/oversight/orders/keys';
import { dueOf, latestUntil, untilAfter, wallOf } from '@/pages/oversight/orders/limits';
import { caseOf, ofCase, ofProposal, rememberedContact } from '@/pages/oversight/orders/prefill';
import { limitFrom, stepText } from '@/pages/oversight/orders/story';
import { findingOf, titleOf } from '@/pages/oversight/proposals/numbers';
import { answers, issues, readsOrders, readsRows, supervises } from '@/pages/oversight/rights';
import type { Session } from '@/pages/oversight/rights';
import { TABS } from '@/pages/oversight/tabs';

const HOUR = 3_600_000;
const words = { levels: [{ code: 0, limit_s: 7_200 }, { code: 1, limit_s: 86_400 }], extension_most_s: 86_400 } as unknown as OversightWords;

function person(kind: string | null, manners: Record<string, string>, role = 'x', narrow = ''): Session {
  const rights = Object.entries(manners).map(([act, manner]) => ({ act, kind: 'case', manner, narrow }));
  const may = (act: string, name: string): boolean => name === 'case' && !['none', 'aggregate'].includes(manners[act] ?? 'none');
  return { may, rights, user: { organisation: kind ? { id: 1, kind, name: '' } : null, role } } as unknown as Session;
}

describe('who has what in oversight', () => {
  const tabs = (session: Session): string[] => TABS.filter((tab) => tab.who(session)).map((tab) => tab.code);
  it('gives an authority orders, checks and proposals', () => {
    const city = person('city', { read: 'own', supervise: 'own', write: 'own' });
    expect([supervises(city), issues(city), answers(city)]).toEqual([true, true, false]);
    expect(tabs(city)).toEqual(expect.arrayContaining(['orders', 'checks', 'proposals']));
    const province = person(null, { read: 'full', supervise: 'full' });
    expect(supervises(province)).toBe(true);
  });
  it('lets who is watched answer and never supervise, whatever the role', () => {
    const boss = person('operator', { read: 'own', supervise: 'own', write: 'own' });
    expect([supervises(boss), issues(boss), answers(boss)]).toEqual([false, false, true]);
    expect(tabs(boss)).not.toContain('proposals');
  });
  it('lets emergency management issue without rows, and others without rows nothing', () => {
    const emergency = person('emergency', { read: 'aggregate', supervise: 'aggregate' });
    expect([supervises(emergency), issues(emergency), readsRows(emergency), readsOrders(emergency)]).toEqual([false, true, false, true]);
    for (const kind of ['insurer', 'vendor']) expect(tabs(person(kind, { read: 'own' }))).not.toContain('orders');
    expect(tabs(person(null, { read: 'own' }, 'driver'))).not.toContain('orders');
    for (const tab of ['orders', 'checks']) expect(tabs(person('police', { read: 'reason' }, 'police'))).not.toContain(tab);
  });
});

describe('the counts of whole days', () => {
  const tabs = (session: Session): string[] => TABS.filter((tab) => tab.who(session)).map((tab) => tab.code);
  it('are an insurer\'s of its policies, and nobody\'s who sees single kinds of fault', () => {
    expect(tabs(person('insurer', { read: 'aggregate' }, 'insurer', 'per_policy'))).toEqual(['funnel']);
    expect(tabs(person('vendor', { read: 'own' }, 'vendor', 'device_faults'))).not.toContain('funnel');
  });
});

describe('the address of orders', () => {
  it('keeps what a view is made of and nothing else', () => {
    const query = { pile: 'all', level: '0', overdue: '1', target: '7', q: 'DB-20261122-00017', order: '12', page: '3' };
    const address = readOrders(query);
    expect(writeOrders(address)).toEqual(query);
    expect(filterOf(address, 440100, null)).toMatchObject({ state: '', level: 0, overdue: true, target: 7, city: 440100 });
    expect(writeOrders(readOrders({ pile: 'x', level: '9', order: '-1', page: '0', target: '1e3' }))).toEqual({});
  });
  it('does not narrow the list by the case that a new order comes of', () => {
    const address = readOrders({ new: '1', case: '5', proposal: '6' });
    expect(filterOf(address, null, null)).toMatchObject({ case: null, state: 'open,working,returned' });
    expect(writeOrders(address)).toEqual({ new: '1', case: '5', proposal: '6' });
  });
});

describe('keys of the orders', () => {
  const press = (code: string, key: string, more: object = {}) => orderKey({ code, key, ctrlKey: false, metaKey: false, altKey: false, target: null, ...more });
  it('go by their place, and are silent while somebody types', () => {
    expect(press('KeyJ', 'j')).toEqual({ act: 'next' });
    expect(press('Digit2', '@')).toEqual({ act: 'choose', index: 1 });
    expect(press('Digit5', '5')).toBeNull();
    expect(press('KeyP', 'p', { ctrlKey: true })).toBeNull();
    expect(press('KeyJ', 'j', { target: { closest: () => ({}) } })).toBeNull();
  });
});

describe('limits', () => {
  const now = fromWall('2026-11-20', '14:32:05');
  it('are shown before an order is sent', () => {
    expect(dueOf(0, now, words)).toBe(now + 2 * HOUR);
    expect(dueOf(1, now, null)).toBeNull();
  });
  it('are extended on a whole minute and never beyond the latest', () => {
    const latest = latestUntil(now, words);
    expect(latest).toBe(now + 24 * HOUR);
    expect(wallOf(untilAfter(now, 2, latest))).toBe('2026-11-20T16:32');
    expect(untilAfter(now, 99, latest)).toBeLessThanOrEqual(latest);
  });
  it('run anew since the last return', () => {
    const steps = [{ act: 'issued', at: 1 }, { act: 'returned', at: 5 }, { act: 'answered', at: 9 }];
    expect(limitFrom({ order: { issued_at: 1 }, steps } as unknown as OrderDetail)).toBe(5);
    expect(stepText({ id: 1, at: 1, act: 'answered', by: null, detail: { reply: 'done', text: '已整改' }, files: [] })).toBe('已整改');
  });
});

describe('what a new order begins with', () => {
  const row = {
    grade: 3, type: '6501', type_zh: '生理疲劳', type_en: 'Fatigue', plate: '粤B12345', started_at: fromWall('2026-11-20', '14:26:13'), number: 'GZ-1120-00001-01',
    overdue: true, stage: 'todo', operator: { id: 4, name: '甲' },
  };
  const contact = { contact: '陈', phone: '', email: '' };
  it('is urgent and says so for a severe case that is late', () => {
    const draft = ofCase({ case: row } as unknown as Pick<CaseDetail, 'case'>, contact);
    expect(draft).toMatchObject({ level: 0, target: 4, source: 'device', title: '生理疲劳报警超时未处置', contact: '陈' });
    expect(draft.text).toContain('粤B·12345');
    expect(ofCase({ case: { ...row, grade: 2, overdue: false } } as unknown as Pick<CaseDetail, 'case'>, contact).level).toBe(1);
  });
  it('holds what the rule found', () => {
    const proposal = {
      kind: 'offline', level: 1, target: { id: 9, name: '乙' }, vehicle: { id: 1, plate: '粤B12345', plate_color: 2 },
      numbers: { hours: 30, km: 11.1, from: fromWall('2026-11-19', '08:00:00'), to: fromWall('2026-11-20', '14:00:00'), threshold_hours: 24, threshold_km: 5 },
    } as unknown as Proposal;
    expect(titleOf(proposal)).toBe('粤B·12345 离线期间发生位移');
    expect(findingOf(proposal)).toBe('粤B·12345：2026-11-19 08:00 至 2026-11-20 14:00 未上线，共 30 小时，其间位移 11.1 km（规则：24 小时、5 km）。');
    expect(ofProposal(proposal, contact)).toMatchObject({ target: 9, level: 1 });
    expect(caseOf({ kind: 'overdue', cases: [31] })).toBe(31);
    expect(caseOf({ kind: 'handled_rate', cases: [31, 32] })).toBeNull();
    const day = { kind: 'overdue_day', vehicle: null, numbers: { grade: 2, cases: 3, day: Date.UTC(2026, 10, 18, 16), late_ms: 7_200_000 } } as unknown as Proposal;
    expect([titleOf(day), findingOf(day)]).toEqual(['较重报警超时未处置', '2026-11-19 到期的 G2 报警有 3 件至提出时仍未处置，最久超时 2 小时。']);
    const rate = { kind: 'handled_rate', vehicle: null, numbers: { cases: 10, handled: 8, threshold_percent: 90 } } as unknown as Proposal;
    expect(findingOf(rate)).toContain('处置率 80.00%，低于 90%');
  });
  it('remembers texts of this account alone and nothing broken', () => {
    const held = (value: string | null) => ({ getItem: () => value });
    expect(rememberedContact(1, '陈', held('{"contact":"李","phone":5}'))).toEqual({ contact: '李', phone: '', email: '' });
    expect(rememberedContact(1, '陈', held('{{'))).toEqual({ contact: '陈', phone: '', email: '' });
  });
  it('takes no more files than an act may have, and waits for all of them', () => {
    expect(fitting(Array.from({ length: 9 }, () => ({ size: 1 })), 2)).toMatchObject({ tooMany: true, taken: { length: MOST - 2 } });
    const file = { key: 1, name: 'a', size: 1, file: null, fault: '' };
    expect(isReady([file])).toBe(false);
    expect(isReady([])).toBe(true);
  });
});

describe('post checks', () => {
  const now = fromWall('2026-11-20', '14:32:05');
  const draft = { from: '2026-11-20', to: '2026-11-21', dailyFrom: '22:00', dailyTo: '06:00', times: 2 };
  it('go out within whole days, but not before now, and over midnight', () => {
    expect(windowOf(draft, now)).toEqual({ from: now, to: fromWall('2026-11-22'), daily_from_min: 1_320, daily_to_min: 360, times: 2 });
    expect(hoursOf(draft)).toBe(8);
    expect(hoursOf({ dailyFrom: '00:00', dailyTo: '00:00' })).toBe(24);
  });
  it('say what is wrong with a window before it is sent', () => {
    expect(windowFault(draft, now, 10)).toBeNull();
    expect(windowFault({ ...draft, to: '2026-11-19' }, now, 10)).toBe('days');
    expect(windowFault({ ...draft, from: '2026-11-01', to: '2026-11-02' }, now, 10)).toBe('past');
    expect(windowFault({ ...draft, to: '2027-01-01' }, now, 10)).toBe('long');
    expect(windowFault({ ...draft, times: 11 }, now, 10)).toBe('times');
  });
  it('need a question that can be wrong', () => {
    const question = { ...emptyQuestion(), text: '现在几点交班？', options: ['8 点', ' 9 点 ', ''], right: [1] };
    expect(questionOf(question)).toEqual({ text: '现在几点交班？', options: ['8 点', '9 点'], answers: ['9 点'] });
    expect(questionOf({ ...question, text: '几点' })).toBe('text');
    expect(questionOf({ ...question, options: ['8 点'] })).toBe('options');
    expect(questionOf({ ...question, options: ['8 点', '8 点'] })).toBe('same');
    expect(questionOf({ ...question, right: [2] })).toBe('right');
    expect(questionOf({ ...question, right: [0, 1] })).toBe('all');
    expect(questionOf({ ...question, chosen: false, written: '八点\n8 点\n八点' })).toEqual({ text: '现在几点交班？', options: [], answers: ['八点', '8 点'] });
    expect(questionOf({ ...question, chosen: false })).toBe('written');
  });
  it('are sent to one, or to all, of the bank or as written', () => {
    const check = { kind: 'operator' as const, organisation: 4, question: 7, limitMin: 10, window: null };
    expect(checkOf(check, null, now)).toEqual({ targets: { kind: 'operator', id: 4 }, question: 7, limit_s: 600, window: null });
    expect(checkOf({ ...check, kind: 'monitors', question: null }, { text: '在岗吗', options: [], answers: ['在'] }, now)).toMatchObject({ targets: { kind: 'monitors', id: null }, text: '在岗吗' });
  });
  it('are rated by months of China', () => {
    expect(monthsBack(fromWall('2027-01-01', '00:30:00'), 3)).toEqual(['2027-01', '2026-12', '2026-11']);
  });
});
