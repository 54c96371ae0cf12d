/** What `/api/oversight/policies` says: limits and thresholds of oversight, by version. */
import { request } from '@/api/client';

/** Tables of whole numbers; `sham` has tables of its own within. */
export type Rules = Record<string, Record<string, unknown>>;

export interface RulesVersion {
  version: number;
  valid_from: number;
  created_at: number;
  by: string;
  note: string;
  state: 'past' | 'in_force' | 'coming';
  policy: Rules;
}

export const rulesApi = {
  versions: (signal?: AbortSignal) => request<{ as_of: number; items: RulesVersion[]; may_write: boolean }>('/api/oversight/policies', { signal }),
  check: (policy: unknown) => request<{ ok: boolean }>('/api/oversight/policies/check', { body: { policy } }),
  publish: (policy: unknown, valid_from: number, note: string) => request<{ version: number }>('/api/oversight/policies', { body: { policy, valid_from, note } }),
  remove: (version: number) => request<void>(`/api/oversight/policies/${version}`, { method: 'DELETE' }),
};
