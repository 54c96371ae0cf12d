/** How much of a time limit is left, and how it is said: 4:08 below ten minutes, 22 min below two hours, else hours. */
import { duration } from '@/format/time';
import type { Locale } from '@/i18n';

export interface Remaining {
  /** Milliseconds until the limit; negative once it has passed. */
  ms: number;
  late: boolean;
  /** Share of the limit that is left, 0 to 1; 1 once it has passed, so that the bar stands full. */
  share: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export function remaining(dueAt: number, fromAt: number, now: number): Remaining {
  const ms = dueAt - now;
  const whole = dueAt - fromAt;
  const share = ms < 0 ? 1 : whole > 0 ? Math.min(1, ms / whole) : 0;
  return { ms, late: ms < 0, share };
}

/** The length alone; `exact` keeps seconds however long it is. */
export function lengthText(ms: number, locale: Locale, exact = false): string {
  const s = Math.floor(Math.abs(ms) / 1000);
  if (exact || s < 600) return duration(s);
  if (s < 7200) return `${Math.floor(s / 60)} ${locale === 'zh' ? '分' : 'min'}`;
  if (s < 2 * 86_400) return `${Math.floor(s / 3600)} ${locale === 'zh' ? '小时' : 'h'}`;
  return `${Math.floor(s / 86_400)} ${locale === 'zh' ? '天' : 'd'}`;
}

export function remainingText(left: Remaining, locale: Locale, exact = false): string {
  const text = lengthText(left.ms, locale, exact);
  if (locale === 'zh') return `${left.late ? '超时' : '剩'} ${text}`;
  return left.late ? `${text} late` : `${text} left`;
}

/** A limit in words: 30 s, 10 分钟, 4 小时. */
export function limitText(ms: number, locale: Locale): string {
  if (ms % HOUR === 0) return `${ms / HOUR} ${locale === 'zh' ? '小时' : 'h'}`;
  if (ms % MINUTE === 0) return `${ms / MINUTE} ${locale === 'zh' ? '分钟' : 'min'}`;
  return `${Math.round(ms / 1000)} ${locale === 'zh' ? '秒' : 's'}`;
}

export type Tone = 'alarm' | 'warn' | 'muted';

/** The colour of a clock: late and severe in alarm, grave in warning, the last fifth of any limit at least in warning. */
export function toneOf(left: Remaining, grade: number): Tone {
  if (left.late || grade >= 3) return 'alarm';
  return grade === 2 || left.share < 0.2 ? 'warn' : 'muted';
}
