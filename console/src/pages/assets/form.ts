/** A record being written: what was changed, and what the server said of it. */
import type { Field, Noun, Row } from './nouns';
import { bodyOf, fieldsOf } from './nouns';

export type Values = Record<string, unknown>;

const tidy = (value: unknown): unknown => (typeof value === 'string' && !value.trim() ? null : typeof value === 'string' ? value.trim() : value);

/** What is sent: of a new record every field that holds something, of a change only what differs. Masked values are never sent back. */
export function toSend(noun: Noun, values: Values, before: Row | null): Values {
  const start = bodyOf(noun, before);
  const body: Values = {};
  for (const field of fieldsOf(noun)) {
    if (field.fixed || (field.only && !field.only(values))) continue;
    const now = tidy(values[field.name]);
    if (before === null ? now === null || now === undefined : now === tidy(start[field.name])) continue;
    body[field.name] = now ?? null;
  }
  // a county belongs to its city: the server checks the pair
  if ('city' in body && !('county' in body) && values.county) body.county = values.county;
  return body;
}

/** Required fields that hold nothing. */
export function missing(noun: Noun, values: Values): Field[] {
  return fieldsOf(noun).filter((field) => field.required && !field.fixed && (tidy(values[field.name]) ?? null) === null);
}
