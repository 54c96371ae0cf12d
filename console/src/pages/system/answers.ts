/** What the administration says. Times UTC ms. */
import { request } from '@/api/client';
import type { QueryValue } from '@/api/client';
import type { Manner, Page } from '@/api/types';
import type { Words } from '@/i18n';
import type { Grant } from '@/shell/grants';

export interface User {
  id: number;
  username: string;
  display_name: string;
  role: string;
  role_zh: string;
  organisation: { id: number; kind: string; name: string } | null;
  vehicle_id: number | null;
  driver_id: number | null;
  oidc_subject: string | null;
  must_change_password: boolean;
  /** Until when the one-time password opens the account; null: the password is the person's own. */
  one_time_until: number | null;
  totp: boolean;
  disabled_at: number | null;
  created_at: number;
  last_seen_at: number | null;
}

export interface Role extends Words {
  code: string;
  /** Shipped role whose page and bounds it has. */
  like: string;
  organisation_kinds: string[];
  builtin: boolean;
  require_totp: boolean;
  address_ranges: string[];
  approval: boolean;
  grant_minutes_max: number;
  landing: string;
  users: number;
}

export interface Cell {
  role: string;
  kind: string;
  act: string;
  manner: Manner;
  narrow: string;
}

export interface Matrix {
  version: number;
  changed_at: number | null;
  changed_by: string;
  roles: Role[];
  kinds: (Words & { code: string; group: string; group_zh: string; acts: string[] })[];
  acts: (Words & { code: string })[];
  manners: (Words & { code: Manner; sign: string })[];
  narrows: (Words & { code: string })[];
  cells: Cell[];
  may_edit: boolean;
}

export interface CellChange {
  role: string;
  kind: string;
  act: string;
  manner: Manner;
}

export interface Version {
  version: number;
  at: number;
  username: string;
  reason: string;
  changes: { role: string; kind: string; act: string; before: string; after: string }[];
}

export interface SignInRules {
  values: Record<string, number>;
  /** Least and greatest value of each rule. */
  bounds: Record<string, [number, number]>;
  oidc: { issuer: string; client_id: string; name: string } | null;
}

export interface Entry {
  id: number;
  at: number;
  user_id: number | null;
  username: string;
  organisation_id: number | null;
  organisation: string;
  address: string;
  act: string;
  noun: string;
  noun_id: number | null;
  vehicle_id: number | null;
  plate: string | null;
  detail: Record<string, unknown>;
  scope: string;
  reason: string;
  result: string;
}

export interface Anchor {
  id: number;
  hash: string;
  at: number;
}

type Query = Record<string, QueryValue>;

export const systemApi = {
  users: (query: Query, signal?: AbortSignal) => request<Page<User>>('/api/users', { query, signal }),
  user: (id: number, signal?: AbortSignal) => request<User>(`/api/users/${id}`, { signal }),
  addUser: (body: unknown) => request<{ user: User; password: string }>('/api/users', { body }),
  changeUser: (id: number, body: unknown) => request<User>(`/api/users/${id}`, { method: 'PATCH', body }),
  actOnUser: (id: number, act: 'disable' | 'enable' | 'reset-totp') => request<User>(`/api/users/${id}/${act}`, { method: 'POST' }),
  resetPassword: (id: number) => request<{ password: string; until: number | null }>(`/api/users/${id}/reset-password`, { method: 'POST' }),
  roles: (signal?: AbortSignal) => request<{ items: Role[] }>('/api/roles', { signal }),
  addRole: (body: unknown) => request<Role>('/api/roles', { body }),
  changeRole: (code: string, body: unknown) => request<Role>(`/api/roles/${code}`, { method: 'PATCH', body }),
  removeRole: (code: string) => request<void>(`/api/roles/${code}`, { method: 'DELETE' }),
  rights: (signal?: AbortSignal) => request<Matrix>('/api/rights', { signal }),
  changeRights: (body: { version: number; reason: string; changes: CellChange[] }) =>
    request<Matrix>('/api/rights', { method: 'PUT', body }),
  versions: (page: number, size: number, signal?: AbortSignal) =>
    request<Page<Version>>('/api/rights/versions', { query: { page, size }, signal }),
  rules: (signal?: AbortSignal) => request<SignInRules>('/api/sign-in/rules', { signal }),
  changeRules: (body: Record<string, number>) => request<SignInRules>('/api/sign-in/rules', { method: 'PATCH', body }),
  grants: (query: Query, signal?: AbortSignal) => request<Page<Grant>>('/api/grants', { query, signal }),
  decide: (id: number, act: 'approve' | 'refuse' | 'end', note: string) => request<Grant>(`/api/grants/${id}/${act}`, { body: { note } }),
  audit: (query: Query, signal?: AbortSignal) => request<Page<Entry>>('/api/audit', { query, signal }),
  auditActs: (signal?: AbortSignal) => request<{ items: { act: string; count: number }[] }>('/api/audit/acts', { signal }),
  chain: (signal?: AbortSignal) => request<{ entries: number; head: Anchor; anchors: Anchor[] }>('/api/audit/chain', { signal, plain: true }),
  verify: () => request<{ entries: number; head: Anchor; anchors: number; fault: { kind: string; id: number } | null }>('/api/audit/verify', { method: 'POST' }),
};
