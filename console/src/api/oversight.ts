/** What `/api/supervision-orders`, `/api/post-checks` and `/api/oversight` say, and the ways to ask it. Times UTC ms. */
import { locale } from '@/i18n';
import type { Words } from '@/i18n';

import type { Person } from './cases';
import { request, requestFile } from './client';

export interface Named {
  id: number;
  name: string;
}

export type Level = 0 | 1;
export type OrderState = 'open' | 'working' | 'answered' | 'returned' | 'closed';
export type Reply = 'working' | 'done' | 'none' | 'later';
export type Source = 'device' | 'enterprise' | 'government' | 'other';

export interface Order {
  id: number;
  number: string;
  version: number;
  level: Level;
  source: Source;
  state: OrderState;
  /** The last one; empty: none yet. */
  reply: Reply | '';
  title: string;
  text: string;
  case: { id: number; number: string } | null;
  vehicle: { id: number; plate: string; plate_color: number } | null;
  type: string;
  alarm_at: number | null;
  target: Named | null;
  operator: Named | null;
  city: number | null;
  county: number | null;
  issuer: Person | null;
  issuer_organisation: Named | null;
  contact: string;
  phone: string;
  email: string;
  issued_at: number;
  due_at: number;
  extended: boolean;
  returns: number;
  overdue: boolean;
  escalation: number;
  in_charge: string;
  closed_at: number | null;
  /** Not closed, and nobody of the organisation that was ordered is there: disabled, or its term is over. */
  forsaken: boolean;
}

export interface OrderFile {
  id: number;
  name: string;
  media_type: string;
  size: number;
  sha256: string;
  sm3: string;
}

export interface OrderStep {
  id: number;
  at: number;
  act: string;
  /** Null: by itself. */
  by: Person | null;
  detail: Record<string, unknown>;
  /** For the two sides alone. */
  files: OrderFile[];
}

export type OrderMay = Partial<Record<'answer' | 'extend' | 'return' | 'close', boolean>>;

export interface OrderDetail {
  as_of: number;
  order: Order;
  may: OrderMay;
  steps: OrderStep[];
}

export interface OrderPage {
  as_of: number;
  total: number;
  items: Order[];
}

/** How many orders there are of each state within what is looked at; `overdue`: of those that are not closed; `forsaken`: that nobody is left to answer. */
export interface OrderCounts {
  as_of: number;
  states: Record<OrderState, number>;
  overdue: number;
  forsaken: number;
}

export interface OrderFilter {
  /** One state or several, with commas. */
  state?: string;
  level?: Level | null;
  overdue?: boolean | null;
  forsaken?: boolean | null;
  target?: number | null;
  case?: number | null;
  city?: number | null;
  county?: number | null;
  q?: string;
}

export interface NewOrder {
  level: Level;
  source: Source;
  title: string;
  text: string;
  case?: number | null;
  target?: number | null;
  contact: string;
  phone: string;
  email: string;
  proposal?: number | null;
  /** Uploads that go with it. */
  files: number[];
}

export interface Coded extends Words {
  code: string;
}

export interface OversightWords {
  levels: (Words & { code: Level; limit_s: number })[];
  sources: Coded[];
  replies: Coded[];
  order_states: Coded[];
  order_acts: Coded[];
  heights: Coded[];
  check_states: Coded[];
  check_results: Coded[];
  appeal_states: Coded[];
  package_states: Coded[];
  flag_kinds: Coded[];
  proposal_kinds: Coded[];
  rework_times: number;
  extension_most_s: number;
  check: { limit_s: number; times_most: number };
  /** Version of the policy in force. */
  policy: number;
}

const act = (id: number, name: string, body: object): Promise<OrderDetail> => request<OrderDetail>(`/api/supervision-orders/${id}/${name}`, { body });

export const orderApi = {
  page: (filter: OrderFilter, page: number, size: number, signal?: AbortSignal) =>
    request<OrderPage>('/api/supervision-orders', { query: { ...filter, page, size }, signal }),
  counts: (filter: Pick<OrderFilter, 'city' | 'county' | 'target'>, signal?: AbortSignal) =>
    request<OrderCounts>('/api/supervision-orders/counts', { query: { ...filter }, signal }),
  targets: (q: string, signal?: AbortSignal) => request<{ items: (Named & { kind: string })[] }>('/api/supervision-orders/targets', { query: { q }, signal }),
  one: (id: number, signal?: AbortSignal) => request<OrderDetail>(`/api/supervision-orders/${id}`, { signal }),
  issue: (order: NewOrder) => request<OrderDetail>('/api/supervision-orders', { body: order }),
  answer: (id: number, version: number, reply: Reply, text: string, files: number[]) => act(id, 'answer', { version, reply, text, files }),
  extend: (id: number, version: number, until: number, reason: string) => act(id, 'extend', { version, until, reason }),
  return: (id: number, version: number, note: string) => act(id, 'return', { version, note }),
  close: (id: number, version: number, note: string) => act(id, 'close', { version, note }),
  /** A file that waits for the order or answer that names it. */
  upload: (file: File, signal?: AbortSignal) => {
    const body = new FormData();
    body.append('file', file);
    return request<OrderFile>('/api/supervision-files', { body, signal });
  },
  dropUpload: (file: number) => request<void>(`/api/supervision-files/${file}`, { method: 'DELETE' }),
  file: (order: number, file: number, form: 'view' | 'original') => requestFile(`/api/supervision-orders/${order}/files/${file}`, { query: { form } }),
};

export type ProposalKind = 'overdue' | 'overdue_day' | 'handled_rate' | 'evidence_lost' | 'vehicle' | 'offline';
export type ProposalState = 'open' | 'ordered' | 'dismissed';

/** What a rule found; an officer makes an order of it, or says why none is needed. */
export interface Proposal {
  id: number;
  kind: ProposalKind;
  level: Level;
  target: Named | null;
  city: number | null;
  county: number | null;
  vehicle: { id: number; plate: string; plate_color: number } | null;
  numbers: Record<string, number>;
  cases: number[];
  at: number;
  state: ProposalState;
  order: number | null;
  reason: string;
}

export interface ProposalCase {
  id: number;
  number: string;
  type: string;
  grade: number;
  plate: string;
  plate_color: number;
  at: number;
  state: string;
  overdue: boolean;
}

export const proposalApi = {
  page: (query: { state: ProposalState | ''; city: number | null; county: number | null; page: number; size: number }, signal?: AbortSignal) =>
    request<{ as_of: number; total: number; items: Proposal[] }>('/api/oversight/proposals', { query, signal }),
  one: (id: number, signal?: AbortSignal) =>
    request<{ as_of: number; proposal: Proposal; cases: ProposalCase[] }>(`/api/oversight/proposals/${id}`, { signal }),
  dismiss: (id: number, reason: string) => request<{ id: number }>(`/api/oversight/proposals/${id}/dismiss`, { body: { reason } }),
};

let reading: Promise<OversightWords> | null = null;

/** Words of levels, states, acts, with the limits in force; read once. */
export function oversightWords(): Promise<OversightWords> {
  reading ??= request<OversightWords>('/api/oversight/words').catch((error: unknown) => {
    reading = null;
    throw error;
  });
  return reading;
}

type Group = { [Name in keyof OversightWords]: OversightWords[Name] extends readonly Coded[] ? Name : never }[keyof OversightWords];

/** A code in words; the code itself where there are none. */
export function wordOf(words: OversightWords | null, group: Group, code: string): string {
  const found = words?.[group].find((each) => each.code === code);
  return found ? found[locale.value] : code;
}
