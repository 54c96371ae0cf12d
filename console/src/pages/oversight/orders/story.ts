/** How an order and its steps are said, and which acts a person has. */
import { wordOf } from '@/api/oversight';
import type { Order, OrderDetail, OrderStep, OversightWords, Reply } from '@/api/oversight';
import { dateTime } from '@/format/time';
import { useMessages } from '@/i18n';

import { orderMessages } from './messages';

const t = useMessages(orderMessages);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const time = (value: unknown): string => (typeof value === 'number' ? dateTime(value) : '');

/** What a step says beside its name: short facts first, then what was written. */
export function stepFacts(step: OrderStep, words: OversightWords | null): string {
  const { act, detail } = step;
  if (act === 'issued') return t('step.due', { time: time(detail.due_at) });
  if (act === 'answered') return wordOf(words, 'replies', text(detail.reply));
  if (act === 'extended') return t('step.extended', { before: time(detail.before), until: time(detail.until) });
  if (act === 'returned') return t('step.due', { time: time(detail.due_at) });
  if (act === 'overdue') return t('step.overdue', { time: time(detail.due_at) });
  if (act === 'escalated') return t('step.escalated', { to: wordOf(words, 'heights', text(detail.to)) });
  return '';
}

/** What was written; that of the issue stands above the story. */
export const stepText = (step: OrderStep): string =>
  step.act === 'issued' ? '' : (['text', 'note', 'reason'].map((name) => text(step.detail[name])).find(Boolean) ?? '');

/** Steps that show a failing: they stand out in the story. */
export const isBad = (step: OrderStep): boolean => step.act === 'overdue' || step.act === 'escalated' || step.act === 'returned';

export const isOwed = (order: Pick<Order, 'state'>): boolean => order.state === 'open' || order.state === 'working' || order.state === 'returned';

/** Since when the limit runs: the last return began it anew. */
export function limitFrom(detail: Pick<OrderDetail, 'order' | 'steps'>): number {
  const returned = detail.steps.filter((step) => step.act === 'returned').pop();
  return returned?.at ?? detail.order.issued_at;
}

export type Act = 'answer' | 'close' | 'return' | 'extend';
/** The acts of an authority in the order of their digits. */
export const REVIEWS: readonly Exclude<Act, 'answer'>[] = ['close', 'return', 'extend'];
/** The replies in the order of their digits. */
export const REPLIES: readonly Reply[] = ['working', 'done', 'later', 'none'];

/** An order as a clock shows it: the urgent one as a severe case, the general one as a plain one. */
export const gradeOfLevel = (order: Pick<Order, 'level'>): number => (order.level === 0 ? 3 : 1);

/** The longest text that the server takes, and the shortest. */
export const TEXT = { least: 2, most: 1000 } as const;
export const NOTE = { least: 2, most: 500 } as const;
