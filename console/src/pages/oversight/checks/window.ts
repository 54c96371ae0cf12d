/** Windows in which questions go out at random, and months of rates. Pure; days and minutes are those of China. */
import type { AskWindow, NewCheck, NewQuestion, Targets } from '@/api/post-checks';
import { date, fromWall } from '@/format/time';

export const DAY_MIN = 1_440;
export const DAYS_MOST = 31;

export interface WindowDraft {
  from: string;
  to: string;
  /** As a field of time holds it: 22:00. */
  dailyFrom: string;
  dailyTo: string;
  times: number;
}

export const minuteOf = (time: string): number => {
  const [hours, minutes] = time.split(':').map(Number);
  return ((hours ?? 0) * 60 + (minutes ?? 0)) % DAY_MIN;
};

/** The whole of today and tomorrow, by night: when nobody expects it. */
export function emptyWindow(now: number): WindowDraft {
  return { from: date(now), to: date(now + 86_400_000), dailyFrom: '22:00', dailyTo: '06:00', times: 1 };
}

/** As the server takes it: both days whole, but nothing before now. Null where the days are none. */
export function windowOf(draft: WindowDraft, now: number): AskWindow | null {
  const from = fromWall(draft.from);
  const to = fromWall(draft.to) + 86_400_000;
  if (!(from < to)) return null;
  return { from: Math.max(from, now), to, daily_from_min: minuteOf(draft.dailyFrom), daily_to_min: minuteOf(draft.dailyTo), times: draft.times };
}

export type WindowFault = 'days' | 'past' | 'long' | 'times';

export function windowFault(draft: WindowDraft, now: number, timesMost: number): WindowFault | null {
  const window = windowOf(draft, now);
  if (!window) return 'days';
  if (window.to <= now) return 'past';
  if (window.to > now + DAYS_MOST * 86_400_000) return 'long';
  return Number.isInteger(draft.times) && draft.times >= 1 && draft.times <= timesMost ? null : 'times';
}

/** Hours of the day that lie in the window; equal ends are the whole day. */
export const hoursOf = (draft: Pick<WindowDraft, 'dailyFrom' | 'dailyTo'>): number => {
  const length = (minuteOf(draft.dailyTo) - minuteOf(draft.dailyFrom) + DAY_MIN) % DAY_MIN;
  return (length || DAY_MIN) / 60;
};

export interface QuestionDraft {
  text: string;
  chosen: boolean;
  options: string[];
  /** Of the options those that are right, by their place. */
  right: number[];
  /** Right answers where they are written, one a line. */
  written: string;
}

export const emptyQuestion = (): QuestionDraft => ({ text: '', chosen: true, options: ['', '', ''], right: [0], written: '' });

export type QuestionFault = 'text' | 'options' | 'same' | 'right' | 'all' | 'written';

/** The question as it is sent, or what is wrong with it; as the server has the rules. */
export function questionOf(draft: QuestionDraft): NewQuestion | QuestionFault {
  const text = draft.text.trim();
  if (text.length < 4) return 'text';
  if (!draft.chosen) {
    const answers = [...new Set(draft.written.split('\n').map((each) => each.trim()).filter(Boolean))];
    return answers.length && answers.length <= 6 ? { text, options: [], answers } : 'written';
  }
  const filled = draft.options.map((each, at) => ({ each: each.trim(), at })).filter(({ each }) => each);
  const options = filled.map(({ each }) => each);
  if (options.length < 2 || options.length > 6) return 'options';
  if (new Set(options).size !== options.length) return 'same';
  const answers = filled.filter(({ at }) => draft.right.includes(at)).map(({ each }) => each);
  if (!answers.length) return 'right';
  return answers.length === options.length ? 'all' : { text, options, answers };
}

export interface CheckDraft {
  kind: Targets;
  organisation: number | null;
  /** Of the bank, or null for one that is written here. */
  question: number | null;
  limitMin: number;
  window: WindowDraft | null;
}

export function checkOf(draft: CheckDraft, question: NewQuestion | null, now: number): NewCheck {
  return {
    targets: { kind: draft.kind, id: draft.kind === 'operator' ? draft.organisation : null },
    ...(draft.question === null ? (question ?? {}) : { question: draft.question }),
    limit_s: draft.limitMin * 60,
    window: draft.window ? windowOf(draft.window, now) : null,
  };
}

/** This month and those before it, as the server names them: 2026-11. */
export function monthsBack(now: number, count: number): string[] {
  let [year, month] = date(now).split('-').map(Number) as [number, number];
  return Array.from({ length: count }, () => {
    const name = `${year}-${String(month).padStart(2, '0')}`;
    month -= 1;
    if (!month) [year, month] = [year - 1, 12];
    return name;
  });
}
