/** What `/api/upgrades` says, and the ways to ask it. */
import { request } from '@/api/client';

import type { VehicleSelection } from '../answers';

export const RESULTS = ['success', 'failed', 'skipped', 'unreached', 'cancelled'] as const;
export type Result = (typeof RESULTS)[number];
export const OPEN_STEPS = ['waiting', 'checking', 'ready', 'sending', 'sent', 'confirming'] as const;
export type OpenStep = (typeof OPEN_STEPS)[number];

export interface Stage {
  number: number;
  percent: number;
  accept_percent: number;
  wait_s: number;
  stop_failures: number;
  vehicles: number;
  started_at: number | null;
  ended_at: number | null;
  counts: Partial<Record<Result | OpenStep, number>>;
  causes: Record<string, number>;
}

export interface Order {
  id: number;
  name: string;
  way: 'url' | 'packet';
  firmware: number | null;
  file: string;
  sha256: string;
  url: string;
  upgrade_type: number;
  model: string;
  version: string;
  only_parked: boolean;
  confirm_stages: boolean;
  reason: string;
  username: string;
  state: 'running' | 'paused' | 'stopped' | 'done';
  cause: string;
  stage: number;
  total: number;
  skipped: number;
  created_at: number;
  ended_at: number | null;
  stages: Stage[];
}

export interface OrderPage {
  as_of: number;
  total: number;
  items: Order[];
  may_order: boolean;
}

export interface OrderVehicle {
  id: number;
  stage: number;
  vehicle_id: number;
  plate: string;
  plate_color: number;
  phone: string;
  step: OpenStep | 'over';
  waits: string;
  result: Result | '';
  cause: string;
  progress: string;
  version_before: string;
  version_after: string;
  proof: string;
  sent_at: number | null;
  ended_at: number | null;
}

export interface VehiclePage {
  as_of: number;
  total: number;
  items: OrderVehicle[];
}

export interface FirmwareFile {
  id: number;
  name: string;
  upgrade_type: number;
  manufacturer: string;
  model: string;
  version: string;
  size: number;
  sha256: string;
  sm3: string;
  author: string;
  created_at: number;
}

export interface FirmwareList {
  as_of: number;
  items: FirmwareFile[];
  size_max: number;
  upgrade_types: { value: number; zh: string }[];
  may_upload: boolean;
}

export interface StagePlan {
  percent: number;
  accept_percent: number;
  wait_s: number;
  stop_failures: number;
}

export interface NewOrder {
  name: string;
  way: 'url' | 'packet';
  reason: string;
  firmware: number | null;
  target: Record<string, string | number>;
  upgrade_type: number;
  model: string;
  filter: VehicleSelection;
  stages: StagePlan[];
  only_parked: boolean;
  confirm_stages: boolean;
  dry_run: boolean;
}

export interface Begun {
  order: number;
  total: number;
  skipped: number;
  stages: number[];
}

const BASE = '/api/upgrades';
export const upgradesApi = {
  page: (page: number, size: number, signal?: AbortSignal) => request<OrderPage>(BASE, { query: { page, size }, signal }),
  one: (id: number, signal?: AbortSignal) => request<Order>(`${BASE}/${id}`, { signal }),
  begin: (body: NewOrder) => request<Begun>(BASE, { body }),
  act: (id: number, act: 'pause' | 'resume' | 'stop') => request<Order>(`${BASE}/${id}/${act}`, { method: 'POST' }),
  vehicles: (id: number, query: { result: string | null; stage: number | null; page: number; size: number }, signal?: AbortSignal) =>
    request<VehiclePage>(`${BASE}/${id}/vehicles`, { query, signal }),
  csv: (id: number) => `${BASE}/${id}/results.csv`,
  files: () => request<FirmwareList>(`${BASE}/firmware`),
  upload: (file: File, query: { model: string; version: string; manufacturer: string; upgrade_type: number }) => {
    const body = new FormData();
    body.append('file', file);
    return request<FirmwareFile>(`${BASE}/firmware`, { method: 'POST', query, body });
  },
  retire: (id: number) => request<undefined>(`${BASE}/firmware/${id}`, { method: 'DELETE' }),
};
