/** Text messages of `/ws/live`. */
import type { AlarmRow } from '@/api/alarms';
import type { StateFilter } from '@/api/types';

export interface Summary {
  type: 'summary';
  as_of: number;
  total: number;
  online: number;
  moving: number;
  stopped: number;
  offline: number;
  alarm: number;
  in_view: number;
  /** Median of receipt to screen-ready over the last second, ms; null when nothing came. */
  delay_ms: number | null;
  per_s: number;
}

export interface ViewError {
  type: 'error';
  field: string;
  rule: string;
}

/** Alarms that came since the last message, newest first; `more` further ones are left out. */
export interface NewAlarms {
  type: 'alarms';
  as_of: number;
  items: AlarmRow[];
  more: number;
  /** Those of the last minutes, after connecting. */
  first?: boolean;
}

export interface View {
  bbox: [west: number, south: number, east: number, north: number];
  zoom: number;
  filter: { city: number | null; county: number | null; operator: number | null; state: StateFilter };
}

const READ = ['summary', 'error', 'alarms'];

export function readText(text: string): Summary | ViewError | NewAlarms | null {
  try {
    const message = JSON.parse(text) as { type?: string };
    return message.type && READ.includes(message.type) ? (message as Summary | ViewError | NewAlarms) : null;
  } catch {
    return null;
  }
}

/** Seconds to wait before the n-th attempt (n from 1): 1, 2, 4 … at most 15, spread by ±25 % so that screens do not return together. */
export function retryDelayS(attempt: number, spread: number): number {
  const plain = Math.min(15, 2 ** Math.max(0, attempt - 1));
  return plain * (0.75 + 0.5 * spread);
}

/** A delay of more than this is shown as "data late", ms. */
export const LATE_MS = 10_000;

/**
 * Whether what the screen shows is late: no summary for more than 5 s, or the data itself lags by more than `LATE_MS`.
 * Returns the lag in ms, or 0 when all is well.
 */
export function lateness(summary: Summary | null, heardAt: number, now: number): number {
  if (!summary) return 0;
  const silence = now - heardAt;
  if (silence > 5_000) return silence;
  return summary.delay_ms !== null && summary.delay_ms > LATE_MS ? summary.delay_ms : 0;
}
