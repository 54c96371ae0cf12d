/** What the server says at the roadside, and the requests for it. */
import { request } from '@/api/client';
import type { OrderFile } from '@/api/oversight';
import type { Page } from '@/api/types';

export type Verdict = 'ok' | 'bad' | 'unknown';

export interface Item {
  code: string;
  verdict: Verdict;
  reason: string;
  figures: Readonly<Record<string, unknown>>;
  heavy: boolean;
}

interface Named {
  id: number;
  name: string;
}

export interface Truck {
  id: number;
  vin: string | null;
  vehicle_class: string;
  class_zh: string;
  in_scope: boolean | null;
  gross_mass_kg: number | null;
  owner: string | null;
  city: number | null;
  county: number | null;
  operator: Named | null;
  insurer: Named | null;
  transport_certificate: string | null;
}

export interface Device {
  model: string;
  manufacturer_id: string;
  firmware: string;
  terminal_id: string;
  sim: string;
  catalogue_number: string | null;
  bound_at: number | null;
  channels: string[];
}

export interface Present {
  state: string;
  at: number;
  received_at: number;
  fixed: boolean;
  lat_e6: number | null;
  lon_e6: number | null;
  speed_dkmh: number | null;
  outside: boolean;
}

export interface Check {
  id: number;
  at: number;
  plate: string;
  plate_color: number;
  vehicle_id: number | null;
  findings: string[];
  note: string;
  place: string;
  lat_e6: number | null;
  lon_e6: number | null;
  told: Readonly<Record<string, Verdict>>;
  officer: Named | null;
  organisation: Named | null;
  files: OrderFile[];
}

export interface Answer {
  as_of: number;
  plate: string;
  plate_color: number;
  found: boolean;
  trailer: boolean;
  colours: number[];
  verdict: Verdict;
  items: Item[];
  words: { code: string; zh: string; en: string }[];
  vehicle: Truck | null;
  device: Device | null;
  present: Present | null;
  grades: Readonly<Record<'g1' | 'g2' | 'g3', number>> | null;
  silences: { start: number; end: number; km: number | null }[];
  checks: Check[];
}

export interface NewCheck {
  plate: string;
  plate_color: number;
  findings: string[];
  note: string;
  place: string;
  lat_e6?: number;
  lon_e6?: number;
  told: Record<string, Verdict>;
  files: number[];
}

export interface CheckCounts {
  as_of: number;
  counts: { checks: number; wrong: number; findings: Readonly<Record<string, number>> };
}

export interface ChecksAsked {
  mine?: boolean;
  day?: boolean;
  vehicle?: number;
  finding?: string;
  page?: number;
  size?: number;
}

/** A truck among those that contain a fragment. */
export interface Candidate {
  id: number;
  plate: string;
  plate_color: number;
}

export const roadsideApi = {
  look: (plate: string, color: number, signal?: AbortSignal) => request<Answer>('/api/roadside/vehicle', { query: { plate, color }, signal }),
  fragment: (q: string, signal?: AbortSignal) => request<Page<Candidate>>('/api/vehicles', { query: { q, size: 8 }, signal }),
  checks: (asked: ChecksAsked, signal?: AbortSignal) => request<Page<Check> & { as_of: number }>('/api/roadside/checks', { query: { ...asked }, signal }),
  counts: (asked: ChecksAsked, signal?: AbortSignal) => request<CheckCounts>('/api/roadside/checks/counts', { query: { mine: asked.mine, day: asked.day }, signal }),
  enter: (check: NewCheck) => request<Check>('/api/roadside/checks', { body: check }),
  upload: (file: File, signal?: AbortSignal) => {
    const form = new FormData();
    form.append('file', file);
    return request<OrderFile>('/api/roadside/files', { method: 'POST', body: form, signal });
  },
  drop: (id: number) => request<void>(`/api/roadside/files/${id}`, { method: 'DELETE' }),
  picture: (check: number, file: number): string => `/api/roadside/checks/${check}/files/${file}`,
};
