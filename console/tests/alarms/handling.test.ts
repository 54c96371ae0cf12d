import { describe, expect, it } from 'vitest';

import type { CaseDetail, CaseRow, CaseWords, Handling, Step } from '@/api/cases';
import { rangeOf, readFacts, writeFacts } from '@/pages/alarms/facts/address';
import { draftOf, firstLacking, forVerdict, reasonsFor, toggled, unsaid } from '@/pages/alarms/handling';
import type { Policy } from '@/pages/alarms/policy/answers';
import { sameWork } from '@/pages/alarms/open-case';
import { lookable, newsOf, stepDetail } from '@/pages/alarms/story';
import { differences, rowOf, secondsOf, withGrade, withType } from '@/pages/alarms/policy/draft';

const words = {
  reasons: [
    { code: 'stopped_after_reminder', zh: '', en: '', verdicts: ['true'], types: null },
    { code: 'continued', zh: '', en: '', verdicts: ['true'], types: null },
    { code: 'wrong_limit', zh: '', en: '', verdicts: ['false'], types: ['808:01'] },
    { code: 'misrecognised', zh: '', en: '', verdicts: ['false'], types: null },
    { code: 'other', zh: '', en: '', verdicts: ['true', 'false', 'undecided'], types: null },
  ],
} as unknown as CaseWords;
const phone = { type: '6502', fault: false };
const empty: Handling = { verdict: null, reason: '', actions: [], driver_reply: '', correction: null, text: '' };

describe('a case that changed while somebody acted', () => {
  const row = { id: 1, version: 3, state: 'open', grade: 2, assignee: null, verdict: null, count: 1 } as unknown as CaseRow;

  it('is the same work where only a further alarm came', () => {
    expect(sameWork(row, { ...row, version: 4, count: 2 })).toBe(true);
    expect(sameWork(row, { ...row, version: 4, grade: 3 })).toBe(false);
    expect(sameWork(row, { ...row, version: 4, state: 'claimed', assignee: { id: 7, name: '陈' } })).toBe(false);
  });
});

describe('what the person is told of a case', () => {
  const file = (id: number, kind: string): unknown => ({ id, kind, readable: kind === 'text' ? null : true });
  const of = (evidence: unknown, files: number): Parameters<typeof lookable>[0] => ({ evidence, case: { evidence: { files } } }) as unknown as CaseDetail;

  it('counts as evidence to look at what can be looked at, not the record of the state of the vehicle', () => {
    expect(lookable(of([file(1, 'picture'), file(2, 'video'), file(3, 'text')], 3))).toBe(2);
    expect(lookable(of([file(1, 'picture')], 5))).toBe(5); // four are still to come
    expect(lookable(of(null, 5))).toBe(5);
  });

  it('says why a recording ended in words, and of which channel it was', () => {
    const step = { id: 1, at: 7, act: 'record_ended', by: null, detail: { channel: 2, reason: 'limit', seconds: 60 } } as unknown as Step;
    expect(stepDetail(step, null)).toBe('通道 2 · 到达设定时长');
  });
  it('says why a case came back until it is judged anew', () => {
    const step = (act: string, detail: object): unknown => ({ id: 1, at: 7, act, by: { id: 2, name: '陈' }, detail });
    const told = (state: string, ...steps: unknown[]): unknown => newsOf({ steps, case: { state } } as unknown as CaseDetail);
    expect(told('returned', step('verdict', {}), step('returned', { note: '补充说明' }))).toEqual({ key: 'returned', name: '陈', note: '补充说明', at: 7 });
    expect(told('claimed', step('handed_over', { note: '盯紧' }), step('taken_over', {}))).toMatchObject({ key: 'handedOver', note: '盯紧' });
    expect(told('handled', step('returned', { note: '补充说明' }), step('verdict', {}))).toBeNull();
  });
});

describe('the handling record', () => {
  it('offers the reasons of a verdict, those made for the type first', () => {
    expect(reasonsFor(words, 'false', '808:01').map((each) => each.code)).toEqual(['wrong_limit', 'misrecognised', 'other']);
    expect(reasonsFor(words, 'false', '6502').map((each) => each.code)).toEqual(['misrecognised', 'other']);
  });

  it('begins with what the case did by itself', () => {
    const detail = { record: { verdict: null, reason: null, actions: [], driver_reply: '', correction: null, text: '' }, commands: [{ purpose: 'tts' }], case: { reminder: 'delivered', check: { result: 'not' } } } as unknown as CaseDetail;
    expect(draftOf(detail)).toMatchObject({ actions: ['tts'], correction: 'not' });
  });

  it('confirms with the reason that the data speak for', () => {
    expect(forVerdict({ ...empty, actions: ['tts'], correction: 'corrected' }, 'true', words, phone)).toMatchObject({ verdict: 'true', reason: 'stopped_after_reminder' });
    expect(forVerdict({ ...empty, actions: ['tts'], correction: 'not' }, 'true', words, phone).reason).toBe('continued');
    expect(forVerdict({ ...empty, actions: ['tts'] }, 'true', words, phone)).toMatchObject({ reason: '', correction: 'unknown' });
  });

  it('never chooses why an alarm is false, and drops a reason of another verdict', () => {
    expect(forVerdict({ ...empty, reason: 'continued', correction: 'corrected' }, 'false', words, phone)).toMatchObject({ reason: '', actions: ['ignore'] });
    expect(firstLacking(forVerdict(empty, 'false', words, phone))).toBe('reason');
  });

  it('wants a measure, a reply where there was a call, and words for "other"', () => {
    const whole: Handling = { ...empty, verdict: 'true', reason: 'continued', actions: ['tts'], correction: 'not' };
    expect(firstLacking(whole)).toBeNull();
    expect(firstLacking({ ...whole, actions: [] })).toBe('actions');
    expect(firstLacking({ ...whole, actions: ['call'] })).toBe('driver_reply');
    expect(firstLacking({ ...whole, reason: 'other' })).toBe('text');
  });

  it('says what the person left unsaid, and nothing over what was said', () => {
    expect(unsaid(empty, { reply: '未通话', text: () => '摘要' })).toMatchObject({ driver_reply: '未通话', text: '摘要' });
    expect(unsaid({ ...empty, driver_reply: ' 已停 ', text: 'x' }, { reply: '未通话', text: () => '摘要' })).toMatchObject({ driver_reply: '已停', text: 'x' });
  });

  it('lets "none" stand alone among the measures', () => {
    expect(toggled(['ignore'], 'tts')).toEqual(['tts']);
    expect(toggled(['tts', 'call'], 'tts')).toEqual(['call']);
  });
});

const policy = { grades: { G1: { first_action_s: 1800, checks_s: [60] } }, types: { '6502': { grade: 2 } } } as unknown as Policy;

describe('a draft of the policy', () => {
  it('changes a copy and names what differs as the server does', () => {
    const changed = withType(withGrade(policy, 'G1', { first_action_s: 600 }), '6502', { grade: 3 });
    expect(differences(policy, changed)).toEqual(['grades.G1.first_action_s', 'types.6502.grade']);
    expect(policy.types['6502']?.grade).toBe(2);
    expect(differences(policy, withGrade(policy, 'G1', { checks_s: [60, 120] }))).toEqual(['grades.G1.checks_s.1']);
    expect(withType(policy, '9999', { grade: 1 })).toBe(policy);
  });

  it('finds the row that a refusal belongs to', () => {
    expect(rowOf('types.6502.rules.0.grade')).toBe('types.6502');
  });

  it('reads seconds as people write them', () => {
    expect([secondsOf('30, 60，120'), secondsOf('30/60'), secondsOf('30 x'), secondsOf('')]).toEqual([[30, 60, 120], [30, 60], null, []]);
  });
});

describe('the list of facts', () => {
  it('keeps its filters in the address', () => {
    const facts = readFacts({ part: 'counts', days: 'week', type: '808:01', source: 'dsm', level: '2', vehicle: '5', operator: '7', backfill: 'true', open: '1' });
    expect(readFacts(writeFacts(facts))).toEqual(facts);
    expect(writeFacts(readFacts({ days: 'x', type: '<', vehicle: 'a' }))).toEqual({ tab: 'facts' });
  });

  it('counts days in China', () => {
    const now = Date.parse('2026-11-22T17:00:00Z'); // 01:00 of the 23rd in China
    expect(rangeOf('today', now)).toEqual({ from: Date.parse('2026-11-22T16:00:00Z'), to: Date.parse('2026-11-23T16:00:00Z') });
    expect(rangeOf('yesterday', now).to).toBe(Date.parse('2026-11-22T16:00:00Z'));
    expect(rangeOf('week', now).from).toBe(Date.parse('2026-11-16T16:00:00Z'));
  });
});
