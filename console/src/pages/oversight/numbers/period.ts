/** The period that numbers are of: days in China, both included; on the wire UTC ms or days since 1970-01-01. */
import { date, fromWall } from '@/format/time';

export const DAY_MS = 86_400_000;
export const PRESETS = ['today', 'week', 'month', 'quarter'] as const;
export type Preset = (typeof PRESETS)[number];
/** Days up to today. */
export const LENGTHS: Readonly<Record<Preset, number>> = { today: 1, week: 7, month: 30, quarter: 90 };
/** The server counts at most so many at once. */
export const DAYS_MOST = 366;

export interface Period {
  /** As people write them: 2026-11-20. */
  first: string;
  last: string;
  from: number;
  to: number;
  from_day: number;
  to_day: number;
}

export function dayNumber(day: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) return null;
  const time = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== day ? null : time / DAY_MS;
}

export function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

function between(from_day: number, to_day: number): Period {
  const [first, last] = [dayText(from_day), dayText(to_day)];
  return { first, last, from: fromWall(first), to: fromWall(last) + DAY_MS, from_day, to_day };
}

export function presetPeriod(preset: Preset, now: number): Period {
  const today = dayNumber(date(now)) as number;
  return between(today - LENGTHS[preset] + 1, today);
}

/** The period of an address; the last thirty days where it names none that holds. */
export function periodOf(first: string, last: string, now: number): Period {
  const [from, to] = [dayNumber(first), dayNumber(last)];
  if (from === null || to === null || from > to || to - from >= DAYS_MOST) return presetPeriod('month', now);
  return between(from, to);
}

export function presetOf(period: Period, now: number): Preset | null {
  return PRESETS.find((preset) => {
    const wanted = presetPeriod(preset, now);
    return wanted.from_day === period.from_day && wanted.to_day === period.to_day;
  }) ?? null;
}
