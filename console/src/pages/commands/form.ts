/** Values of a command's form: where they begin, which fields are asked, and what is wrong before the server is asked. */
import type { FormField, ParameterRow } from './answers';

export type Values = Record<string, unknown>;
export type ParameterEntry = { id: number; value: number | string };

export interface Fault {
  rule: 'empty' | 'range' | 'long' | 'phone' | 'hex' | 'entries' | 'numbers' | 'character';
  low: number;
  high: number;
}

const LISTS = new Set(['areas', 'rows', 'bits', 'numbers', 'texts', 'parameters', 'parameter_ids']);

export function beginning(fields: readonly FormField[]): Values {
  const values: Values = {};
  for (const field of fields) {
    if (field.default !== null) values[field.name] = structuredClone(field.default);
    else if (LISTS.has(field.type)) values[field.name] = field.type === 'texts' ? ['', ''] : [];
    else if (field.type === 'integer' || field.type === 'degrees') values[field.name] = null;
    else values[field.name] = '';
  }
  return values;
}

export function isAsked(field: FormField, values: Values): boolean {
  return field.only === null || field.only.values.includes(values[field.only.field] as number);
}

/** Length in GBK: one byte for ASCII, two for what a Chinese keyboard gives. */
export function gbkLength(text: string): number {
  let length = 0;
  for (const char of text) length += (char.codePointAt(0) ?? 0) < 0x80 ? 1 : 2;
  return length;
}

const fault = (rule: Fault['rule'], low = 0, high = 0): Fault => ({ rule, low, high });

export function faultOf(field: FormField, value: unknown): Fault | null {
  switch (field.type) {
    case 'integer': {
      if (value === null || value === '') return field.required ? fault('range', field.low, field.high) : null;
      const number = Number(value);
      return Number.isInteger(number) && number >= field.low && number <= field.high ? null : fault('range', field.low, field.high);
    }
    case 'degrees': {
      const number = value === null || value === '' ? NaN : Number(value);
      return number >= field.low && number <= field.high ? null : fault('range', field.low, field.high);
    }
    case 'text': {
      const text = String(value ?? '');
      if (!text.trim()) return field.required ? fault('empty') : null;
      return gbkLength(text) > field.most ? fault('long', 0, field.most) : null;
    }
    case 'phone':
      return /^\+?[0-9*#-]{3,20}$/.test(String(value ?? '').trim()) ? null : fault('phone');
    case 'hex': {
      const digits = String(value ?? '').replace(/\s/g, '');
      return /^([0-9a-fA-F]{2})+$/.test(digits) && digits.length <= field.most * 2 ? null : fault('hex', 0, field.most);
    }
    case 'texts': {
      const entries = (value as string[]).filter((entry) => entry.trim());
      return entries.length && entries.length <= field.most ? null : fault('entries', 1, field.most);
    }
    case 'areas':
    case 'rows':
    case 'bits':
    case 'numbers':
    case 'parameters':
    case 'parameter_ids': {
      // what cannot be read is no empty list: that one means all of them
      if (value === null) return fault('numbers');
      const entries = value as unknown[];
      return (entries.length || !field.required) && entries.length <= field.most ? null : fault('entries', 1, field.most);
    }
    default:
      return null;
  }
}

/** What is sent: fields that are not asked and empty entries are left out. */
export function toSend(fields: readonly FormField[], values: Values): Values {
  const out: Values = {};
  for (const field of fields) {
    if (!isAsked(field, values)) continue;
    let value = values[field.name];
    if (field.type === 'texts') value = (value as string[]).map((entry) => entry.trim()).filter(Boolean);
    if (field.type === 'time' && value) value = String(value).replace('T', ' ').replace(/^(.{16})$/, '$1:00');
    if (field.type === 'hex') value = String(value).replace(/\s/g, '');
    if ((field.type === 'integer' || field.type === 'degrees') && value !== null && value !== '') value = Number(value);
    if (value === null || (value === '' && !field.required)) continue;
    out[field.name] = value;
  }
  return out;
}

/** A typed parameter value as the server takes it; null while it is not one. A unit with a decimal counts in tenths. */
export function parameterValue(row: ParameterRow | undefined, text: string): number | string | null {
  const given = text.trim();
  if (!row || row.type === 'hex') {
    const digits = given.replace(/\s/g, '');
    return /^([0-9a-fA-F]{2}){1,255}$/.test(digits) ? digits.toLowerCase() : null;
  }
  if (row.type === 'text') return gbkLength(given) <= 255 ? given : null;
  if (given === '') return null;
  const number = Math.round(Number(given) * 10 ** row.decimals);
  return Number.isSafeInteger(number) && number >= 0 && number <= row.high ? number : null;
}

/** `3, 7 9` as numbers; null when something in it is none. */
export function numbersOf(text: string): number[] | null {
  const parts = text.split(/[\s,，、;；]+/).filter(Boolean);
  return parts.every((part) => /^\d+$/.test(part)) ? parts.map(Number) : null;
}

/** What was typed into a field for a number: the number, or the text as it stands as long as it is none or not finished (`113.`, `-`). */
export function typedNumber(text: string): number | string | null {
  const given = text.trim();
  if (given === '') return null;
  return String(Number(given)) === given ? Number(given) : text;
}

export const parameterCode = (id: number): string => `0x${id.toString(16).toUpperCase().padStart(4, '0')}`;
