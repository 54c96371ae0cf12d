import { driverNoun } from './driver';
import type { Field, Noun, NounCode, Row } from './field';
import { organisationNoun } from './organisation';
import { modelNoun, simNoun, terminalNoun } from './terminal';
import { vehicleNoun } from './vehicle';

export * from './field';

export const NOUNS: Readonly<Record<NounCode, Noun>> = {
  organisations: organisationNoun,
  vehicles: vehicleNoun,
  terminals: terminalNoun,
  sims: simNoun,
  drivers: driverNoun,
  models: modelNoun,
};

/** Words of the audit log, of conflicts and of bindings for the nouns. */
const CODES: Readonly<Record<string, NounCode>> = {
  organisation: 'organisations',
  operator: 'organisations',
  vehicle: 'vehicles',
  terminal: 'terminals',
  sim: 'sims',
  driver: 'drivers',
  terminal_model: 'models',
  model: 'models',
};

export function nounCode(word: string): NounCode | null {
  return CODES[word] ?? null;
}

export function fieldsOf(noun: Noun): Field[] {
  return noun.groups.flatMap((group) => group.fields);
}

export function fieldOf(noun: Noun, name: string): Field | undefined {
  return fieldsOf(noun).find((field) => field.name === name);
}

/** The record that a field of the row names: `vendor: {id, name}` or the bare `vendor_id`. */
export function namedRecord(field: Field, row: Record<string, unknown>): { id: number; label: string | null } | null {
  const whole = row[field.name.replace(/_id$/, '')];
  if (whole && typeof whole === 'object') {
    const { id, name, plate, phone } = whole as { id: number; name?: string; plate?: string; phone?: string };
    return { id, label: name ?? plate ?? phone ?? `#${id}` };
  }
  const id = row[field.name];
  return typeof id === 'number' ? { id, label: null } : null;
}

/** What a form begins with, by field: ids for records, the rest as it is. */
export function bodyOf(noun: Noun, row: Row | null): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const field of fieldsOf(noun)) {
    if (field.fixed) continue;
    values[field.name] = row === null ? null : field.type === 'record' ? (namedRecord(field, row)?.id ?? null) : (row[field.name] ?? null);
  }
  return values;
}

/** The name a record goes by in heads and lists. */
export function titleOf(noun: Noun, row: Record<string, unknown>): string {
  const first = noun.columns[0] as string;
  return String(row[first] ?? `#${String(row.id)}`);
}
