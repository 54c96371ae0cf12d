import { describe, expect, it } from 'vitest';

import type { FormField, ParameterRow } from '../../src/pages/commands/answers';
import { beginning, faultOf, gbkLength, isAsked, numbersOf, parameterValue, toSend, typedNumber } from '../../src/pages/commands/form';
import { lineOf } from '../../src/pages/commands/words';

const field = (change: Partial<FormField>): FormField => ({
  name: 'x', type: 'integer', zh: '', en: '', clause: '', low: 0, high: 10, unit: '', most: 5, values: [], default: null, required: true, columns: [], only: null, ...change,
});
const row = (change: Partial<ParameterRow>): ParameterRow => ({
  id: 1, zh: '', en: '', type: 'integer', high: 65535, unit: '', decimals: 0, values: [], since: 2011, until: 2019, ...change,
});

describe('a form of a command', () => {
  it('begins with the defaults of its declaration and does not share them', () => {
    const fields = [field({ name: 'a', default: 3 }), field({ name: 'b', type: 'bits', default: [] }), field({ name: 'c', type: 'text' })];
    const values = beginning(fields);
    expect(values).toEqual({ a: 3, b: [], c: '' });
    (values.b as number[]).push(1);
    expect(beginning(fields).b).toEqual([]);
  });

  it('finds a number out of range, an empty text and one that is too long in GBK', () => {
    expect(faultOf(field({}), 11)).toEqual({ rule: 'range', low: 0, high: 10 });
    expect(faultOf(field({}), 1.5)?.rule).toBe('range');
    expect(faultOf(field({}), 10)).toBeNull();
    expect(faultOf(field({ type: 'text' }), ' ')?.rule).toBe('empty');
    expect(gbkLength('a中')).toBe(3);
    expect(faultOf(field({ type: 'text' }), '中中中')?.rule).toBe('long');
    expect(faultOf(field({ type: 'phone' }), '12')?.rule).toBe('phone');
    expect(faultOf(field({ type: 'hex' }), '7e 0')?.rule).toBe('hex');
    expect(faultOf(field({ type: 'hex' }), '7e 01')).toBeNull();
  });

  it('takes numbers that cannot be read for a fault, never for the empty list that means all', () => {
    const numbers = field({ type: 'numbers', required: false });
    expect(numbersOf('3, 五')).toBeNull();
    expect(faultOf(numbers, numbersOf('3, 五'))?.rule).toBe('numbers');
    expect(faultOf(numbers, numbersOf(''))).toBeNull();
    expect(faultOf(numbers, numbersOf('3 7'))).toBeNull();
  });

  it('leaves a number that is still being typed as it stands, and sends it as a number', () => {
    expect(['113', '113.', '113.2', '-', ' ', '1e'].map(typedNumber)).toEqual([113, '113.', 113.2, '-', null, '1e']);
    const degrees = field({ name: 'lon', type: 'degrees', low: -180, high: 180 });
    expect(faultOf(degrees, '113.')).toBeNull();
    expect([faultOf(degrees, '1e')?.rule, faultOf(degrees, null)?.rule]).toEqual(['range', 'range']);
    expect(toSend([degrees], { lon: '113.50' })).toEqual({ lon: 113.5 });
    expect(faultOf(field({}), '7x')?.rule).toBe('range');
  });

  it('asks and sends a field only where another one calls for it', () => {
    const fields = [field({ name: 'how', type: 'choice', default: 1 }), field({ name: 'port', only: { field: 'how', values: [0] } })];
    expect(isAsked(fields[1] as FormField, { how: 1 })).toBe(false);
    expect(toSend(fields, { how: 1, port: 5 })).toEqual({ how: 1 });
    expect(toSend(fields, { how: 0, port: 5 })).toEqual({ how: 0, port: 5 });
  });

  it('reads parameter values in the unit that is shown', () => {
    expect(parameterValue(row({ decimals: 1 }), '6.5')).toBe(65);
    expect(parameterValue(row({ high: 255 }), '256')).toBeNull();
    expect(parameterValue(row({ type: 'text' }), ' a.b:7611 ')).toBe('a.b:7611');
    expect(parameterValue(undefined, '0A ff')).toBe('0aff');
    expect(parameterValue(row({}), '')).toBeNull();
  });

  it('reads lists of ids with any separator', () => {
    expect(numbersOf('1, 2，3 4')).toEqual([1, 2, 3, 4]);
    expect(numbersOf('')).toEqual([]);
    expect(numbersOf('x')).toBeNull();
  });

  it('says what a queued command waits for', () => {
    expect(lineOf({ state: 'queued', result: 'offline' }, 'zh')).toBe('终端不在线，上线后发送');
    expect(lineOf({ state: 'failed', result: 'no_answer' }, 'en')).toBe('No answer');
    expect(lineOf({ state: 'failed', result: 'result_9' }, 'en')).toBe('result_9');
  });
});
