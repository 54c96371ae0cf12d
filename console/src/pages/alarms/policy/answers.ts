/** What `/api/case-policies` says. Times UTC ms, days since 1970-01-01 in China. */
import { request } from '@/api/client';

export interface Escalation {
  on: 'open' | 'first_action' | 'close';
  to: ('operator' | 'county' | 'city' | 'province')[];
  supervise: '' | 'urgent' | 'general';
}

export interface GradePolicy {
  first_action_s: number;
  close_s: number;
  checks_s: number[];
  look: boolean;
  verify: boolean;
  escalation: Escalation[];
}

export interface TypePolicy {
  grade: number;
  files?: 'now' | 'parked' | 'none';
  check?: 'speed' | 'absent' | 'none';
  rules?: { level?: number; over?: number; grade: number }[];
  tts?: string;
  fault?: boolean;
  repeat?: boolean;
  dialects?: string[];
  close_s?: number | null;
}

/** The document; what this page does not draw is kept as it is. */
export interface Policy {
  merge: { window_s: number; join_open_s: number };
  repeat: { count: number; level: number; within_s: number }[];
  grades: Record<'G1' | 'G2' | 'G3', GradePolicy>;
  types: Record<string, TypePolicy>;
  files: { quota_month: number; parked_wait_s: number };
  /** Live pictures recorded for a new case; absent in a document of an earlier release. */
  record?: { quota_month_s: number; rules: { grades: number[]; types: string[]; channels: number[]; stream?: 'main' | 'sub'; seconds: number }[] };
  bulk: { grade: number; most: number };
  appeal: { request_workdays: number; decide_workdays: number };
  [other: string]: unknown;
}

export interface PolicyVersion {
  version: number;
  valid_from: number;
  created_at: number;
  user_id: number | null;
  user_name: string | null;
  note: string;
  state: 'past' | 'in_force' | 'coming';
}

export interface WhatIfSide {
  raw: number;
  warnings: number;
  alarms: number;
  cases: { g1: number; g2: number; g3: number };
  by_type: { type: string; warnings: number; g0: number; g1: number; g2: number; g3: number }[];
}

export interface WhatIf {
  id: number;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  /** Share that is done, 0 to 1. */
  done: number;
  from_day: number;
  to_day: number;
  failure: string;
  result: { in_force: WhatIfSide; draft: WhatIfSide } | null;
}

export const policyApi = {
  versions: (signal?: AbortSignal) => request<{ as_of: number; in_force: number; items: PolicyVersion[]; may_write: boolean }>('/api/case-policies', { signal }),
  one: (version: number, signal?: AbortSignal) => request<{ version: number; policy: Policy }>(`/api/case-policies/${version}`, { signal }),
  publish: (policy: Policy, valid_from: number, note: string) => request<{ version: number }>('/api/case-policies', { body: { policy, valid_from, note } }),
  check: (policy: unknown) => request<{ ok: boolean }>('/api/case-policies/check', { body: { policy } }),
  remove: (version: number) => request<void>(`/api/case-policies/${version}`, { method: 'DELETE' }),
  runWhatIf: (policy: Policy, from_day: number, to_day: number) => request<{ id: number }>('/api/case-policies/what-if', { body: { policy, from_day, to_day } }),
  whatIf: (id: number, signal?: AbortSignal) => request<WhatIf>(`/api/case-policies/what-if/${id}`, { signal }),
  cancelWhatIf: (id: number) => request<void>(`/api/case-policies/what-if/${id}/cancel`, { method: 'POST' }),
};
