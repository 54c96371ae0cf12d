import { request } from './client';
import type { AreaCounts, City, Me, OperatorRef, Page, StateFilter, SystemInfo, VehicleCard, VehicleRow, Ways } from './types';

export interface VehicleQuery {
  q?: string;
  city?: number | null;
  county?: number | null;
  operator?: number | null;
  state?: StateFilter;
  sort?: string;
  page?: number;
  size?: number;
}

export const api = {
  ways: () => request<Ways>('/api/sign-in'),
  login: (username: string, password: string, code = '') =>
    request<Me>('/api/login', { body: { username, password, ...(code ? { code } : {}) } }),
  logout: () => request<void>('/api/logout', { method: 'POST' }),
  me: () => request<Me>('/api/me'),
  reauthenticate: (password: string, code = '') =>
    request<{ proved_until: number }>('/api/reauthenticate', { body: { password, ...(code ? { code } : {}) } }),
  changePassword: (old: string, next: string) => request<void>('/api/password', { body: { old, new: next } }),
  system: () => request<SystemInfo>('/api/system'),
  areas: () => request<City[]>('/api/areas'),
  /** `plain`: who lacks a reason is told so in its place, and asked for it when a person wants to give it. */
  areaCounts: (operator: number | null, signal?: AbortSignal, plain = false) =>
    request<AreaCounts>('/api/areas/counts', { query: { operator }, signal, plain }),
  vehicles: (query: VehicleQuery, signal?: AbortSignal, plain = false) =>
    request<Page<VehicleRow>>('/api/vehicles', { query: { ...query }, signal, plain }),
  vehicle: (id: number, signal?: AbortSignal) => request<VehicleRow>(`/api/vehicles/${id}`, { signal }),
  card: (id: number, signal?: AbortSignal, plain = false) => request<VehicleCard>(`/api/vehicles/${id}/card`, { signal, plain }),
  operators: (q: string, signal?: AbortSignal) =>
    request<Page<OperatorRef> | OperatorRef[]>('/api/operators', { query: { q, size: 50 }, signal }).then((answer) =>
      Array.isArray(answer) ? answer : answer.items,
    ),
};
