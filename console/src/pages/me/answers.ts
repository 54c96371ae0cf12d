/** What an account sees of itself, and an administrator of an account. Times UTC ms. */
import { request } from '@/api/client';
import type { Page } from '@/api/types';

export interface LoginSession {
  id: number;
  opened_at: number;
  seen_at: number;
  proved_at: number;
  address: string;
  user_agent: string;
  method: 'password' | 'totp' | 'oidc';
  current: boolean;
}

export interface TokenRight {
  kind: string;
  act: string;
}

export interface Token {
  id: number;
  name: string;
  prefix: string;
  rights: TokenRight[];
  created_at: number;
  expires_at: number;
  last_used_at: number | null;
  last_address: string;
}

export interface TotpState {
  enrolled: boolean;
  confirmed_at: number | null;
  required: boolean;
  recovery_left: number;
}

export interface Look {
  at: number;
  act: string;
  vehicle_id: number;
  plate: string;
  /** Whose identity was looked at; empty where it was a truck's data. */
  driver: string;
  username: string;
  organisation: string;
  organisation_kind: string;
  reason: string;
  /** What was looked at, as far as it has parts: the channel of a picture, what it was looked at for, from when to when. */
  detail: { channel?: number; purpose?: string; from?: number; to?: number };
}

/** `owner` is `me`, or `users/7` for an administrator. */
export const accountApi = {
  sessions: (owner: string, signal?: AbortSignal) => request<{ items: LoginSession[] }>(`/api/${owner}/sessions`, { signal }),
  endSession: (owner: string, id: number | null) =>
    request<void>(`/api/${owner}/sessions${id === null ? '' : `/${id}`}`, { method: 'DELETE' }),
  tokens: (owner: string, signal?: AbortSignal) => request<{ items: Token[] }>(`/api/${owner}/tokens`, { signal }),
  endToken: (owner: string, id: number) => request<void>(`/api/${owner}/tokens/${id}`, { method: 'DELETE' }),
  newToken: (body: { name: string; days: number; rights: TokenRight[] }) =>
    request<{ token: string; item: Token }>('/api/me/tokens', { body }),
  identity: (signal?: AbortSignal) => request<{ name: string; linked: boolean }>('/api/me/identity', { signal }),
  link: () => request<{ address: string }>('/api/me/identity', { method: 'POST' }),
  unlink: () => request<void>('/api/me/identity', { method: 'DELETE' }),
  totp: (signal?: AbortSignal) => request<TotpState>('/api/me/totp', { signal }),
  totpBegin: () => request<{ secret: string; uri: string; svg: string }>('/api/me/totp', { method: 'POST' }),
  totpConfirm: (code: string) => request<{ recovery_codes: string[] }>('/api/me/totp/confirm', { body: { code } }),
  totpRecovery: (code: string) => request<{ recovery_codes: string[] }>('/api/me/totp/recovery', { body: { code } }),
  totpRemove: (code: string) => request<void>('/api/me/totp/remove', { body: { code } }),
  viewers: (page: number, size: number, signal?: AbortSignal) =>
    request<Page<Look>>('/api/me/viewers', { query: { page, size }, signal }),
};
