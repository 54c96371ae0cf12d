/** Values of a template being edited: text of the inputs, and the numbers and blocks that are sent. */
import type { BlockValue, Entry, FieldForm, ParameterForm, PlainValue, ValueForm } from './answers';

/** What the inputs hold: text for a single value, its parts for a block or a list. Empty text is not sent. */
export type Draft = string | DraftBlock | DraftBlock[];
export interface DraftBlock {
  [field: string]: Draft;
}

export type Fault = { kind: 'range'; low: string; high: string } | { kind: 'number' } | { kind: 'missing' } | { kind: 'hex' };

/** The fields of a block in a dialect, null for a single value. */
export function fieldsOf(form: ParameterForm, dialect: string): FieldForm[] | null {
  if (form.type !== 'block') return null;
  return form.by_dialect?.[dialect] ?? form.fields ?? [];
}

/** A wire number as it is read: 2 of a unit with one decimal is 0.2. */
export function shown(value: number, form: Pick<ValueForm, 'decimals'>): string {
  return form.decimals ? (value / 10 ** form.decimals).toFixed(form.decimals) : String(value);
}

export function rangeOf(form: ValueForm): string {
  if (form.type !== 'integer') return '';
  const span = `${shown(form.low, form)}–${shown(form.high, form)}`;
  return form.unit ? `${span} ${form.unit}` : span;
}

export function draftOf(value: PlainValue, form: ValueForm & { fields?: FieldForm[] }): Draft {
  if (Array.isArray(value)) return value.map((each) => blockOf(each, form.fields ?? []));
  if (typeof value === 'object') return blockOf(value, form.fields ?? []);
  return typeof value === 'number' ? shown(value, form) : value;
}

export function blockOf(value: BlockValue, fields: readonly FieldForm[]): DraftBlock {
  const block: DraftBlock = {};
  for (const field of fields) {
    const given = value[field.name];
    block[field.name] = given === undefined ? (field.type === 'list' ? [] : '') : draftOf(given, field);
  }
  return block;
}

/** A new parameter: the standard's defaults where it has some. */
export function beginning(form: ParameterForm, dialect: string): Draft {
  const fields = fieldsOf(form, dialect);
  return fields ? blankBlock(fields) : form.default === null ? '' : shown(form.default, form);
}

export function blankBlock(fields: readonly FieldForm[]): DraftBlock {
  const block: DraftBlock = {};
  for (const field of fields) block[field.name] = field.type === 'list' ? [] : field.default === null ? '' : shown(field.default, field);
  return block;
}

/** The number of one input; null where it is none. */
export function numberOf(text: string, form: ValueForm): number | null {
  const given = text.trim();
  if (!/^\d+(\.\d+)?$/.test(given)) return null;
  const value = Number(given) * 10 ** form.decimals;
  const whole = Math.round(value);
  return Math.abs(whole - value) < 1e-6 && Number.isSafeInteger(whole) ? whole : null;
}

export function faultOf(text: string, form: ValueForm, required: boolean): Fault | null {
  if (!text.trim()) return required ? { kind: 'missing' } : null;
  if (form.type === 'text') return null;
  const value = numberOf(text, form);
  if (value === null) return { kind: 'number' };
  const custom = form.custom !== null && value >= form.custom[0] && value <= form.custom[1];
  if (!custom && (value < form.low || value > form.high)) return { kind: 'range', low: shown(form.low, form), high: shown(form.high, form) };
  return null;
}

/** Names of the inputs that are wrong, as `field` or `field.0.part`. */
export function faultsIn(draft: Draft, form: ParameterForm, dialect: string): Map<string, Fault> {
  const found = new Map<string, Fault>();
  const fields = fieldsOf(form, dialect);
  if (fields) walk(draft as DraftBlock, fields, '', found);
  else {
    const fault = faultOf(draft as string, form, form.type !== 'text');
    if (fault) found.set('', fault);
  }
  return found;
}

function walk(block: DraftBlock, fields: readonly FieldForm[], prefix: string, found: Map<string, Fault>): void {
  for (const field of fields) {
    const value = block[field.name] ?? '';
    if (Array.isArray(value)) value.forEach((each, index) => walk(each, field.fields ?? [], `${prefix}${field.name}.${index}.`, found));
    else if (typeof value === 'string') {
      const fault = faultOf(value, field, field.required);
      if (fault) found.set(prefix + field.name, fault);
    }
  }
}

/** What is sent for one parameter; inputs that are empty and need not be given are left out. */
export function valueOf(draft: Draft, form: ParameterForm, dialect: string): PlainValue {
  const fields = fieldsOf(form, dialect);
  return fields ? sentBlock(draft as DraftBlock, fields) : single(draft as string, form);
}

function sentBlock(block: DraftBlock, fields: readonly FieldForm[]): BlockValue {
  const sent: BlockValue = {};
  for (const field of fields) {
    const value = block[field.name] ?? '';
    if (Array.isArray(value)) sent[field.name] = value.map((each) => sentBlock(each, field.fields ?? []));
    else if (typeof value === 'string' && value.trim() !== '') sent[field.name] = single(value, field);
  }
  return sent;
}

const single = (text: string, form: ValueForm): number | string => (form.type === 'text' ? text.trim() : (numberOf(text, form) ?? text.trim()));

/** The bits of a flags value, and the value with one turned over. */
export const hasBit = (text: string, bit: number): boolean => Math.floor((Number(text) || 0) / 2 ** bit) % 2 === 1;
export const turned = (text: string, bit: number): string => String((Number(text) || 0) + (hasBit(text, bit) ? -1 : 1) * 2 ** bit);

/** Entries of a stored version as drafts, and back. */
export function draftsOf(entries: readonly Entry[], forms: ReadonlyMap<number, ParameterForm>, dialect: string): Map<number, Draft> {
  const drafts = new Map<number, Draft>();
  for (const entry of entries) {
    const form = forms.get(entry.id);
    const fields = form ? fieldsOf(form, dialect) : null;
    if (form && fields) drafts.set(entry.id, blockOf(entry.value as BlockValue, fields));
    else drafts.set(entry.id, form ? draftOf(entry.value, form) : String(entry.value));
  }
  return drafts;
}

export function entriesOf(drafts: ReadonlyMap<number, Draft>, forms: ReadonlyMap<number, ParameterForm>, dialect: string): Entry[] {
  return [...drafts].map(([id, draft]) => {
    const form = forms.get(id);
    return { id, value: form ? valueOf(draft, form, dialect) : String(draft).replace(/\s/g, '') };
  });
}
