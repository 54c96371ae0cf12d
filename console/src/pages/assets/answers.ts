/** What the registry says. Times UTC ms, days as 2026-01-31. */
import { request } from '@/api/client';
import type { QueryValue } from '@/api/client';
import type { Page } from '@/api/types';

import type { NounCode, Row } from './nouns';

export interface Organisation extends Row {
  kind: string;
  parent_id: number | null;
  name: string;
  short_name: string | null;
  area: number | null;
  city: number | null;
  county: number | null;
  disabled_at: number | null;
  children: number;
}

export interface Change {
  id: number;
  at: number;
  act: string;
  username: string;
  address: string;
  reason: string;
  fields: { field: string; before: unknown; after: unknown }[];
  detail: Record<string, unknown> | null;
}

export interface End {
  noun: string;
  id: number;
  label: string;
}

export interface Binding {
  id: number;
  what: string;
  subject: End;
  object: End;
  from_at: number;
  to_at: number | null;
}

export interface Channel {
  logical: number | null;
  physical: number | null;
  kind: string;
  position: string;
  ptz: boolean;
}

export interface Peripheral {
  kind: string;
  maker: string;
  model: string;
  serial: string;
  capacity_gb: number | null;
}

export interface Equipment {
  channels: Channel[];
  peripherals: Peripheral[];
}

export interface MergePreview {
  survivor: End;
  loser: End;
  fields: { field: string; survivor: unknown; loser: unknown; differs: boolean; choice: Side }[];
  /** Rows that point to the loser, by table and column. */
  moves: Record<string, number>;
}

export type Side = 'survivor' | 'loser';

export interface Merged {
  id: number;
  loser_id: number;
  label: string;
  at: number;
  username: string;
  reason: string;
  undone_at: number | null;
}

type Query = Record<string, QueryValue>;
const path = (noun: NounCode, id: number): string => `/api/${noun}/${id}`;

export const assetsApi = {
  list: (noun: NounCode, query: Query, signal?: AbortSignal) => request<Page<Row>>(`/api/${noun}`, { query, signal }),
  /** One record, and for an organisation those above it. */
  one: async (noun: NounCode, id: number, signal?: AbortSignal): Promise<{ row: Row; above: Organisation[] }> => {
    const answer = await request<Row | { organisation: Organisation; above: Organisation[] }>(path(noun, id), { signal });
    return 'above' in answer && 'organisation' in answer
      ? { row: answer.organisation as Row, above: answer.above as Organisation[] }
      : { row: answer as Row, above: [] };
  },
  create: (noun: NounCode, body: unknown) => request<Row>(`/api/${noun}`, { body }),
  change: (noun: NounCode, id: number, body: unknown) => request<Row>(path(noun, id), { method: 'PATCH', body }),
  history: (noun: NounCode, id: number, query: Query, signal?: AbortSignal) =>
    request<Page<Change>>(`${path(noun, id)}/history`, { query, signal }),
  bindings: (noun: NounCode, id: number, signal?: AbortSignal) =>
    request<{ as_of: number; items: Binding[] }>(`${path(noun, id)}/bindings`, { signal }),
  bind: (noun: NounCode, id: number, body: unknown) => request<unknown>(`${path(noun, id)}/bindings`, { body }),
  mergePreview: (noun: NounCode, survivor: number, loser: number, signal?: AbortSignal) =>
    request<MergePreview>(`${path(noun, survivor)}/merge`, { query: { loser }, signal }),
  merge: (noun: NounCode, survivor: number, body: { loser_id: number; choices: Record<string, Side>; reason?: string }) =>
    request<unknown>(`${path(noun, survivor)}/merge`, { body }),
  merges: (noun: NounCode, id: number, signal?: AbortSignal) => request<{ items: Merged[] }>(`${path(noun, id)}/merges`, { signal }),
  undoMerge: (id: number) => request<{ survivor: number; loser: number }>(`/api/merges/${id}/undo`, { method: 'POST' }),
  equipment: (id: number, signal?: AbortSignal) => request<Equipment>(`/api/terminals/${id}/equipment`, { signal }),
  equip: (id: number, body: Equipment) => request<Equipment>(`/api/terminals/${id}/equipment`, { method: 'PUT', body }),
};
