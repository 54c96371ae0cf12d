/** What `/api/cases/hand-overs` says. Times UTC ms. */
import type { CaseRow, Person } from '@/api/cases';
import { request } from '@/api/client';

export interface HandOver {
  id: number;
  at: number;
  giver: Person;
  /** Null: the next shift. */
  to: Person | null;
  note: string;
  /** How many cases; `cases` are those that one may see. */
  count: number;
  cases: CaseRow[];
  taken_at: number | null;
  taken_by: Person | null;
  may_take: boolean;
}

export interface HandOvers {
  as_of: number;
  items: HandOver[];
  /** How many wait for who asks. */
  waiting: number;
  next: number | null;
}

export interface HandedOver {
  done: number;
  refused: { id: number; field: string; rule: string }[];
}

export const shiftApi = {
  list: (before: number | null, size: number, signal?: AbortSignal) => request<HandOvers>('/api/cases/hand-overs', { query: { before, size }, signal }),
  take: (id: number) => request<HandedOver>(`/api/cases/hand-overs/${id}/take`, { method: 'POST' }),
};
