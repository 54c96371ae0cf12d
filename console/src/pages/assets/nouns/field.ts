/** What a record of the registry consists of, as data: the table, the detail, the form and the history are made from it. */
import type { Words } from '@/i18n';

export const NOUN_CODES = ['organisations', 'vehicles', 'terminals', 'sims', 'drivers', 'models'] as const;
/** As the address of the API writes it. */
export type NounCode = (typeof NOUN_CODES)[number];

export type Row = { id: number } & Record<string, unknown>;

export interface Choice extends Words {
  value: string | number;
}

export interface Field {
  /** Its name in the row and in the body of a request. */
  name: string;
  words: Words;
  type: 'text' | 'code' | 'number' | 'day' | 'moment' | 'flag' | 'choice' | 'city' | 'county' | 'record' | 'plate';
  choices?: readonly Choice[];
  /** Of a `record`: what may be chosen. Its row carries `vendor: {id, name}` beside `vendor_id`, or the id alone. */
  record?: { noun: NounCode; kinds?: readonly string[] };
  unit?: Words;
  hint?: Words;
  required?: boolean;
  /** Written by the system, not by people. */
  fixed?: boolean;
  /** May be set for a new record only. */
  once?: boolean;
  /** Asked and shown only of such rows. */
  only?: (row: Record<string, unknown>) => boolean;
}

export interface Group {
  words: Words;
  fields: readonly Field[];
}

export interface Noun {
  code: NounCode;
  /** As the audit log, conflicts and rights call it. */
  kind: 'organisation' | 'vehicle' | 'terminal' | 'sim' | 'driver' | 'model';
  words: Words;
  search: Words;
  groups: readonly Group[];
  /** Columns of the table, the name of the record first. */
  columns: readonly string[];
  /** Sort key of the API by column. */
  sorts: Readonly<Record<string, string>>;
  /** Has an own place in the jurisdiction: the list can be narrowed to a city and a county. */
  placed: { city: boolean; county: boolean };
  /** Parameter of the list by the kind of a chosen organisation. */
  bodies: Readonly<Record<string, string>>;
  /** Has bindings over time. */
  bound: boolean;
  /** Two records found to be one can be merged. */
  merges: boolean;
}

export const w = (zh: string, en: string): Words => ({ zh, en });
export const choice = (value: string | number, zh: string, en: string): Choice => ({ value, zh, en });
