/** What the server says of channels that are recorded into the evidence. Times UTC ms. */
import { request } from '@/api/client';
import type { QueryValue } from '@/api/client';
import type { Quality } from '@/video/protocol';

import type { Slot } from '../wall';

export const RECORD_STATES = ['waiting', 'recording', 'storing', 'done', 'failed', 'refused'] as const;
export type RecordState = (typeof RECORD_STATES)[number];

export interface RecordRow {
  id: number;
  state: RecordState;
  /** Why it is over, or never began. */
  reason: string;
  detail: string;
  vehicle_id: number;
  plate: string;
  plate_color: number;
  channel: number;
  channel_zh: string;
  channel_en: string;
  stream: Quality;
  purpose: string;
  /** Null: a rule of the handling policy. */
  by: { id: number; name: string } | null;
  rule: number | null;
  case: { id: number; number: string } | null;
  seconds: number;
  asked_at: number;
  /** The first picture. */
  started_at: number | null;
  until: number | null;
  ended_at: number | null;
  pictures: number;
  bytes: number;
  parts: number;
  gaps: number;
  interrupted: boolean;
  may_stop: boolean;
}

export interface RecordPart {
  number: number;
  state: 'open' | 'storing' | 'done' | 'raw' | 'lost';
  started_at: number;
  ended_at: number | null;
  codec: string;
  width: number;
  height: number;
  sound: boolean;
  pictures: number;
  bytes: number;
  duration_ms: number;
  cause: string;
  /** Id of the file among the evidence. */
  file: number | null;
  sha256: string;
  sm3: string;
}

export interface RecordDetail {
  as_of: number;
  record: RecordRow;
  parts: RecordPart[];
  gaps: { from: number; to: number; cause: string }[];
}

export interface RecordPage {
  as_of: number;
  total: number;
  items: RecordRow[];
}

export const recordsApi = {
  /** `forCase`: id of the case that it is evidence of. */
  start: ({ vehicle, channel }: Slot, stream: Quality, seconds: number, forCase: number | null, purpose: string) =>
    request<{ record: RecordRow }>('/api/video/records', {
      body: { vehicle_id: vehicle, channel, stream, seconds, ...(forCase === null ? {} : { case: forCase }), ...(purpose ? { purpose } : {}) },
      plain: true,
    }).then((answer) => answer.record),
  limits: (signal?: AbortSignal) => request<{ seconds_limit: number }>('/api/video/records/limits', { signal, plain: true }),
  stop: (id: number) => request<{ record: RecordRow }>(`/api/video/records/${id}/stop`, { method: 'POST', plain: true }).then((answer) => answer.record),
  one: (id: number, signal?: AbortSignal) => request<RecordDetail>(`/api/video/records/${id}`, { signal, plain: true }),
  list: (query: Record<string, QueryValue>, signal?: AbortSignal) => request<RecordPage>('/api/video/records', { query, signal, plain: true }),
};

/** It still changes. */
export const running = ({ state }: Pick<RecordRow, 'state'>): boolean => state === 'waiting' || state === 'recording' || state === 'storing';

/** How long it has lasted at `now`, or did (ms). */
export const lasted = ({ started_at, ended_at }: Pick<RecordRow, 'started_at' | 'ended_at'>, now: number): number =>
  started_at === null ? 0 : Math.max(0, (ended_at ?? now) - started_at);
