/** The filters of the alarm list in the address. */
import { date, fromWall } from '@/format/time';

export const DAY_MS = 86_400_000;
export const PRESETS = ['today', 'yesterday', 'week', 'month'] as const;
export type Preset = (typeof PRESETS)[number];
export const PARTS = ['list', 'counts', 'unknown'] as const;
export type Part = (typeof PARTS)[number];

export interface FactAddress {
  part: Part;
  days: Preset;
  type: string;
  source: string;
  level: string;
  vehicle: number | null;
  operator: number | null;
  backfill: '' | 'true' | 'false';
  open: boolean;
}

const id = (value: unknown): number | null => (typeof value === 'string' && /^\d{1,12}$/.test(value) ? Number(value) : null);

export function readFacts(query: Record<string, unknown>): FactAddress {
  const text = (name: string, form: RegExp): string => (typeof query[name] === 'string' && form.test(query[name]) ? query[name] : '');
  return {
    part: PARTS.find((part) => part === query.part) ?? 'list',
    days: PRESETS.find((preset) => preset === query.days) ?? 'today',
    type: text('type', /^[0-9A-Za-z:]{1,10}$/),
    source: text('source', /^[0-9a-z]{1,12}$/),
    level: text('level', /^[0-2]$/),
    vehicle: id(query.vehicle),
    operator: id(query.operator),
    backfill: text('backfill', /^(true|false)$/) as FactAddress['backfill'],
    open: query.open === '1',
  };
}

export function writeFacts(facts: FactAddress): Record<string, string> {
  const query: Record<string, string> = { tab: 'facts' };
  if (facts.part !== 'list') query.part = facts.part;
  if (facts.days !== 'today') query.days = facts.days;
  for (const name of ['type', 'source', 'level', 'backfill'] as const) if (facts[name]) query[name] = facts[name];
  for (const name of ['vehicle', 'operator'] as const) if (facts[name] !== null) query[name] = String(facts[name]);
  if (facts.open) query.open = '1';
  return query;
}

/** From (inclusive) to (exclusive) in China Standard Time; the end is that of today, so that a page keeps its address all day. */
export function rangeOf(preset: Preset, now: number): { from: number; to: number } {
  const today = fromWall(date(now));
  if (preset === 'yesterday') return { from: today - DAY_MS, to: today };
  const back = preset === 'today' ? 0 : preset === 'week' ? 6 : 29;
  return { from: today - back * DAY_MS, to: today + DAY_MS };
}
