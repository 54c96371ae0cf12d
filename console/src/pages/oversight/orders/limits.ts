/** Limits of orders: what a level gives, how far one may be extended. Pure. */
import type { Level, OversightWords } from '@/api/oversight';
import { clock, date } from '@/format/time';

const HOUR = 3_600_000;

/** The instant by which an order that is issued now must be done; null while the limits are not known. */
export function dueOf(level: Level, now: number, words: Pick<OversightWords, 'levels'> | null): number | null {
  const limit = words?.levels.find((each) => each.code === level)?.limit_s;
  return limit === undefined ? null : now + limit * 1000;
}

/** The latest instant that an order may be extended to. */
export function latestUntil(due: number, words: Pick<OversightWords, 'extension_most_s'> | null): number {
  return due + (words?.extension_most_s ?? 86_400) * 1000;
}

/** So many hours later, on a whole minute, and not beyond the latest. */
export function untilAfter(due: number, hours: number, latest: number): number {
  const at = Math.min(due + hours * HOUR, latest);
  return Math.floor(at / 60_000) * 60_000;
}

/** As a field of date and time holds it, in China Standard Time: `2026-11-20T14:32`. */
export const wallOf = (ms: number): string => `${date(ms)}T${clock(ms).slice(0, 5)}`;
