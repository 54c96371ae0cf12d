import { describe, expect, it } from 'vitest';

import type { CaseRow } from '@/api/cases';
import { GRADES, gradeOf } from '@/format/grade';
import { readDesk, writeDesk } from '@/pages/alarms/address';
import { lengthText, limitText, remaining, remainingText, toneOf } from '@/pages/alarms/deadline';
import { keyAction } from '@/pages/alarms/keys';
import { matches, merge, neighbour, order, woken } from '@/pages/alarms/queue';
import { mayPlay, REST_MS, soundRemembered, TONES } from '@/pages/alarms/sound';
import { orderKey } from '@/pages/oversight/orders/keys';

const MINUTE = 60_000;

describe('a limit', () => {
  it('counts down to the second, then up once it has passed', () => {
    const left = remaining(10 * MINUTE, 0, 5 * MINUTE + 52_000);
    expect(left.late).toBe(false);
    expect(left.share).toBeCloseTo(0.413, 3);
    expect(remainingText(left, 'zh')).toBe('剩 4:08');
    const late = remaining(10 * MINUTE, 0, 10 * MINUTE + 35_000);
    expect(remainingText(late, 'zh')).toBe('超时 0:35');
    expect(remainingText(late, 'en')).toBe('0:35 late');
    expect(late.share).toBe(1);
  });

  it('says long times roughly in a list and exactly where there is room', () => {
    expect(lengthText(22 * MINUTE + 30_000, 'zh')).toBe('22 分');
    expect(lengthText(3 * 60 * MINUTE + 54 * MINUTE + 8_000, 'zh')).toBe('3 小时');
    expect(lengthText(3 * 60 * MINUTE + 54 * MINUTE + 8_000, 'zh', true)).toBe('3:54:08');
    expect(lengthText(72 * 60 * MINUTE, 'en')).toBe('3 d');
    expect(limitText(180_000, 'zh')).toBe('3 分钟');
    expect(limitText(14_400_000, 'en')).toBe('4 h');
    expect(limitText(90_000, 'zh')).toBe('90 秒');
  });

  it('is shown in alarm for the severe and the late, in warning for the grave and the last fifth', () => {
    expect(toneOf(remaining(100, 0, 10), 3)).toBe('alarm');
    expect(toneOf(remaining(100, 0, 101), 1)).toBe('alarm');
    expect(toneOf(remaining(100, 0, 10), 2)).toBe('warn');
    expect(toneOf(remaining(100, 0, 50), 1)).toBe('muted');
    expect(toneOf(remaining(100, 0, 85), 1)).toBe('warn');
  });
});

describe('a grade', () => {
  it('has its own shape, so that colour never stands alone', () => {
    expect(new Set(Object.values(GRADES).map((grade) => grade.shape)).size).toBe(4);
    expect([gradeOf('G3'), gradeOf(2), gradeOf('x'), gradeOf(null)]).toEqual([3, 2, 0, 0]);
  });
});

const press = (code: string, key = '', more: Partial<KeyboardEvent> = {}): Parameters<typeof keyAction>[0] => ({
  code, key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, target: null, ...more,
});
const on = (...selectors: string[]): EventTarget => ({ closest: (wanted: string) => (selectors.some((each) => wanted.includes(each)) ? {} : null) }) as unknown as EventTarget;

describe('keys of the desk', () => {
  it('judge once a press: a key that is held goes through the list alone', () => {
    const held = { repeat: true };
    expect([keyAction(press('Digit1', '1', { ...held, shiftKey: true })), keyAction(press('KeyL', 'l', held)), keyAction(press('KeyQ', 'q', held))]).toEqual([null, null, null]);
    expect([keyAction(press('KeyJ', 'j', held)), keyAction(press('ArrowRight', 'ArrowRight', held))]).toEqual([{ act: 'next' }, { act: 'frame', step: 1 }]);
    expect([orderKey(press('Digit1', '1', held)), orderKey(press('KeyK', 'k', held))]).toEqual([null, { act: 'previous' }]);
  });

  it('go by their place, so that Shift and other layouts leave a digit what it is', () => {
    expect(keyAction(press('Digit1', '1'))).toEqual({ act: 'verdict', verdict: 'confirm', next: false });
    expect(keyAction(press('Digit1', '!', { shiftKey: true }))).toEqual({ act: 'verdict', verdict: 'confirm', next: true });
    expect([press('KeyL', 'l'), press('KeyS', 's'), press('KeyT', 't'), press('KeyD', 'd')].map((each) => keyAction(each)?.act)).toEqual(['claim', 'snooze', 'none', 'reply']);
    expect(keyAction(press('Numpad4', '4'))).toEqual({ act: 'verdict', verdict: 'close', next: false });
    expect(keyAction(press('Digit5', '5'))).toEqual({ act: 'verdict', verdict: 'undecidable', next: false });
    expect(keyAction(press('Digit6', '6'))).toBeNull();
  });

  it('move through the queue and the evidence', () => {
    expect(keyAction(press('KeyJ', 'j'))).toEqual({ act: 'next' });
    expect(keyAction(press('KeyK', 'K'))).toEqual({ act: 'previous' });
    expect(keyAction(press('Space', ' '))).toEqual({ act: 'toggle' });
    expect(keyAction(press('ArrowLeft', 'ArrowLeft'))).toEqual({ act: 'frame', step: -1 });
    expect(keyAction(press('ArrowRight', 'ArrowRight', { shiftKey: true }))).toEqual({ act: 'frame', step: 25 });
    expect(keyAction(press('Slash', '?', { shiftKey: true }))).toEqual({ act: 'help' });
  });

  it('are left to whoever types, to dialogs and to the browser', () => {
    expect(keyAction(press('KeyJ', 'j', { target: on('textarea') }))).toBeNull();
    expect(keyAction(press('Digit1', '1', { target: on('dialog[open]') }))).toBeNull();
    expect(keyAction(press('Space', ' ', { target: on('button') }))).toBeNull();
    expect(keyAction(press('Digit1', '1', { target: on('button') }))).not.toBeNull();
    expect(keyAction(press('KeyR', 'r', { ctrlKey: true }))).toBeNull();
    expect(keyAction(press('ArrowLeft', 'ArrowLeft', { target: on('[role="slider"]') }))).toBeNull();
  });
});

let last = 0;
function row(more: Partial<CaseRow> = {}): CaseRow {
  last += 1;
  return { id: last, number: `GZ-1122-0000${last}-26`, version: 1, state: 'open', stage: 'todo', grade: 2, type: '6502', plate: '粤AD8814', vehicle_id: 5, operator: { id: 3, name: 'x' }, city: 440100, county: null, due_at: 1_000 * last, overdue: false, fault: false, assignee: null, ...more } as CaseRow;
}

describe('the queue', () => {
  it('knows a case that was put off and is back from one that changed otherwise', () => {
    const [asleep, awake] = [row({ state: 'snoozed', version: 3 }), row({ version: 3 })];
    const told = [asleep, awake].map((each) => ({ ...each, state: 'open', version: 4 }) as CaseRow);
    expect(woken([asleep, awake], told)).toEqual([told[0]]);
    expect(woken([asleep], [{ ...asleep, version: 4 }, { ...asleep, state: 'closed', stage: 'done', version: 4 } as CaseRow, row({ version: 9 })])).toEqual([]);
  });
  it('has the least time first and what has no limit last', () => {
    const rows = [row({ due_at: null }), row({ due_at: 50 }), row({ due_at: 20 })];
    expect([...rows].sort(order).map((each) => each.due_at)).toEqual([20, 50, null]);
  });

  it('knows which rows a filter asks for', () => {
    const one = row({ grade: 3, plate: '粤BK2775', assignee: { id: 9, name: 'x' } });
    expect(matches(one, { stage: 'todo', grade: '3', q: 'b·k27' }, 9)).toBe(true);
    expect(matches(one, { stage: 'doing' }, 9)).toBe(false);
    expect(matches(one, { stage: 'todo', grade: '2' }, 9)).toBe(false);
    expect(matches(one, { stage: 'todo', assignee: 'me' }, 9)).toBe(true);
    expect(matches(one, { stage: 'todo', assignee: 'none' }, 9)).toBe(false);
    expect(matches(one, { stage: 'todo', operator: 4 }, 9)).toBe(false);
    expect(matches(one, { stage: 'todo', fault: true }, 9)).toBe(false);
  });

  it('puts in, moves and takes out what the socket tells, never an older version', () => {
    const [a, b, c] = [row({ due_at: 10 }), row({ due_at: 20 }), row({ due_at: 30 })];
    const todo = (each: CaseRow): boolean => each.stage === 'todo';
    const fresh = row({ due_at: 15 });
    expect(merge([a, b], [fresh], todo, false).map((each) => each.id)).toEqual([a.id, fresh.id, b.id]);
    expect(merge([a, b], [{ ...a, version: 2, stage: 'doing' }], todo, false)).toEqual([b]);
    expect(merge([{ ...a, version: 3 }, b], [{ ...a, version: 2, stage: 'doing' }], todo, false)).toHaveLength(2);
    expect(merge([a, b, c], [{ ...a, version: 2, due_at: 25 }], todo, false).map((each) => each.id)).toEqual([b.id, a.id, c.id]);
  });

  it('leaves out what stands behind the last row read while there is more to read', () => {
    const [a, b] = [row({ due_at: 10 }), row({ due_at: 20 })];
    const behind = row({ due_at: 99 });
    expect(merge([a, b], [behind], () => true, true)).toEqual([a, b]);
    expect(merge([a, b], [behind], () => true, false)).toEqual([a, b, behind]);
  });

  it('goes on from where the handled row stood', () => {
    const rows = [row(), row(), row()];
    const ids = rows.map((each) => each.id);
    expect(neighbour(rows, ids[0] as number, 0, 1)?.id).toBe(ids[1]);
    expect(neighbour(rows, 999, 1, 1)?.id).toBe(ids[1]);
    expect(neighbour(rows, 999, 3, 1)?.id).toBe(ids[2]);
    expect(neighbour(rows, null, 0, 1)?.id).toBe(ids[0]);
    expect(neighbour(rows, ids[2] as number, 2, 1)).toBeNull();
    expect(neighbour([], null, 0, 1)).toBeNull();
  });
});

describe('the address of the desk', () => {
  it('comes back as it was written, defaults left out', () => {
    const desk = readDesk({ stage: 'verify', grade: '3', type: '6502', operator: '7', q: '粤A', mine: '1', overdue: '1', fault: 'false', case: '17' });
    expect(readDesk(writeDesk(desk))).toEqual(desk);
    expect(writeDesk(readDesk({}))).toEqual({});
  });

  it('takes nothing that is no filter', () => {
    expect(readDesk({ stage: 'x', grade: '9', type: '<b>', operator: 'a', case: '-1', q: ['a'] })).toEqual(readDesk({}));
  });
});

describe('the sound', () => {
  it('is one for a storm, and a graver one breaks through', () => {
    expect(mayPlay(1, 10_000, { at: 10_000 - REST_MS + 1, grade: 2 })).toBe(false);
    expect(mayPlay(3, 10_000, { at: 9_999, grade: 2 })).toBe(true);
    expect(mayPlay(1, 10_000, { at: 10_000 - REST_MS, grade: 3 })).toBe(true);
    expect(mayPlay(0, 10_000, { at: -Infinity, grade: 0 })).toBe(false);
    expect(TONES[3].length).toBeGreaterThan(TONES[2].length);
  });

  it('is off until it was switched on, by account', () => {
    const kept = new Map([['luwei.sound.7', 'on']]);
    const storage = { getItem: (key: string) => kept.get(key) ?? null };
    expect([soundRemembered(7, storage), soundRemembered(8, storage)]).toEqual([true, false]);
    expect(soundRemembered(7, { getItem: () => { throw new Error('refused'); } })).toBe(false);
  });
});
