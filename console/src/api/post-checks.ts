/** What `/api/post-checks` and `/api/check-questions` say, and the ways to ask it. Times UTC ms. */
import type { Person } from './cases';
import { request, withQuery } from './client';
import type { Named } from './oversight';

export type CheckResult = 'right' | 'wrong' | 'late' | 'none';
export type Targets = 'operator' | 'operators' | 'monitors';

export interface Question {
  id: number;
  text: string;
  options: string[];
  answers: string[];
  by: Person | null;
  created_at: number;
}

/** What is asked: `options` to choose from, or none where the answer is written. */
export interface NewQuestion {
  text: string;
  options: string[];
  answers: string[];
}

export interface Check {
  id: number;
  text: string;
  options: string[];
  targets: Targets;
  limit_s: number;
  from_at: number | null;
  to_at: number | null;
  by: Person | null;
  created_at: number;
  /** Questions whose time has not come, and those that went out; the rest by result. */
  waiting: number;
  sent: number;
  right: number;
  wrong: number;
  late: number;
  none: number;
}

export interface Asked {
  id: number;
  organisation: Named | null;
  asked_at: number;
  due_at: number;
  answered_at: number | null;
  by: Person | null;
  answer: string;
  /** Empty while the answer may still come. */
  result: CheckResult | '';
}

export interface OpenQuestion {
  id: number;
  text: string;
  options: string[];
  asked_at: number;
  due_at: number;
  late: boolean;
}

export interface Rate {
  organisation: Named | null;
  month: string;
  sent: number;
  right: number;
  wrong: number;
  late: number;
  none: number;
  /** Per cent; null where nothing that was sent is over. */
  rate: number | null;
}

/** Random times between two instants within minutes of the day in China; `daily_to_min` below `daily_from_min` runs over midnight. */
export interface AskWindow {
  from: number;
  to: number;
  daily_from_min: number;
  daily_to_min: number;
  times: number;
}

export interface NewCheck {
  targets: { kind: Targets; id?: number | null };
  question?: number | null;
  text?: string;
  options?: string[];
  answers?: string[];
  limit_s: number | null;
  window: AskWindow | null;
}

export interface RatesQuery {
  month: string;
  city: number | null;
  county: number | null;
}

export const checkApi = {
  page: (page: number, size: number, signal?: AbortSignal) =>
    request<{ as_of: number; total: number; items: Check[] }>('/api/post-checks', { query: { page, size }, signal }),
  one: (id: number, page: number, size: number, signal?: AbortSignal) =>
    request<{ as_of: number; check: Check; total: number; items: Asked[] }>(`/api/post-checks/${id}`, { query: { page, size }, signal }),
  ask: (check: NewCheck) => request<{ id: number; questions: number }>('/api/post-checks', { body: check }),
  cancel: (id: number) => request<{ questions: number }>(`/api/post-checks/${id}/cancel`, { method: 'POST' }),
  reach: (kind: Targets, organisation: number | null, signal?: AbortSignal) =>
    request<{ organisations: number }>('/api/post-checks/reach', { query: { kind, organisation }, signal }),
  bank: (signal?: AbortSignal) => request<{ items: Question[] }>('/api/check-questions', { signal }),
  addQuestion: (question: NewQuestion) => request<{ id: number }>('/api/check-questions', { body: question }),
  dropQuestion: (id: number) => request<{ id: number }>(`/api/check-questions/${id}/disable`, { method: 'POST' }),
  mine: (late: boolean, signal?: AbortSignal) => request<{ as_of: number; items: OpenQuestion[] }>('/api/post-checks/mine', { query: { late: late || null }, signal, plain: true }),
  answer: (id: number, answer: string) => request<{ result: Exclude<CheckResult, 'none'> }>(`/api/post-checks/asked/${id}/answer`, { body: { answer } }),
  rates: (query: RatesQuery, signal?: AbortSignal) => request<{ as_of: number; items: Rate[] }>('/api/post-checks/rates', { query: { ...query }, signal }),
  ratesFile: (query: RatesQuery) => withQuery('/api/post-checks/rates.csv', { ...query }),
};
