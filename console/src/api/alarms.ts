/** What `/api/alarms` says: alarms as facts, as terminals reported them. Times UTC ms, places 1e-6 degrees, speeds 0.1 km/h. */
import type { Words } from '@/i18n';

import { request, withQuery } from './client';

export interface AlarmRow {
  /** 16 hex digits; start and end of one alarm have the same. */
  id: string;
  vehicle_id: number;
  plate: string;
  plate_color: number;
  at: number;
  ended_at: number | null;
  lasting: boolean;
  source: string;
  type: string;
  type_zh: string;
  type_en: string;
  known: boolean;
  level: number;
  lat_e6: number;
  lon_e6: number;
  altitude_m: number;
  speed_dkmh: number;
  direction_deg: number | null;
  received_at: number;
  files: number;
  dialect: string;
  backfill: boolean;
}

export interface AlarmEdge {
  at: number;
  received_at: number;
  lat_e6: number;
  lon_e6: number;
  speed_dkmh: number;
}

export interface AlarmDetail extends AlarmRow {
  start?: AlarmEdge | null;
  end: AlarmEdge | null;
  identification_hex: string;
  item_hex: string;
  explained: { name: string; zh: string; en: string; value: unknown; text: string; unit: string }[];
  status_text?: unknown;
}

export interface AlarmType extends Words {
  type: string;
  source: string;
  lasting: boolean;
  device_fault: boolean;
  clause: string;
}

export interface AlarmTypes {
  items: AlarmType[];
  sources: (Words & { code: string })[];
}

export interface AlarmFilter {
  from: number;
  to: number;
  vehicle?: number | null;
  type?: string;
  source?: string;
  level?: string | number | null;
  city?: number | null;
  county?: number | null;
  operator?: number | null;
  backfill?: boolean | null;
  open?: boolean | null;
}

export interface AlarmCount {
  day?: string | number;
  type?: string;
  source?: string;
  level?: number;
  count: number;
  vehicles: number;
}

export interface UnknownAlarm {
  type: string;
  source: string;
  dialect: string;
  manufacturer_id: string;
  model: string;
  firmware: string;
  count: number;
  terminals: number;
  last_at: number;
  example_hex: string;
}

export const alarmApi = {
  types: () => request<AlarmTypes>('/api/alarms/types'),
  page: (filter: AlarmFilter, cursor: string | null, size: number, signal?: AbortSignal) =>
    request<{ as_of: number; items: AlarmRow[]; next: string | null }>('/api/alarms', { query: { ...filter, cursor, size }, signal }),
  counts: (filter: AlarmFilter, by: string, signal?: AbortSignal) =>
    request<{ as_of: number; total: number; items: AlarmCount[] }>('/api/alarms/counts', { query: { ...filter, by }, signal }),
  unknown: (from: number, to: number, signal?: AbortSignal) => request<{ items: UnknownAlarm[] }>('/api/alarms/unknown', { query: { from, to }, signal }),
  one: (row: Pick<AlarmRow, 'id' | 'vehicle_id' | 'at'>, signal?: AbortSignal) =>
    request<AlarmDetail>(`/api/alarms/${row.id}`, { query: { vehicle: row.vehicle_id, at: row.at }, signal }),
  ofVehicle: (vehicle: number, from: number, to: number, size: number, signal?: AbortSignal, cursor: string | null = null) =>
    request<{ as_of: number; items: AlarmRow[]; next: string | null }>(`/api/vehicles/${vehicle}/alarms`, { query: { from, to, size, cursor }, signal, plain: true }),
  csv: (filter: AlarmFilter) => withQuery('/api/alarms.csv', { ...filter }),
};

let types: Promise<AlarmTypes> | null = null;

/** Names of all types; read once. */
export function alarmTypes(): Promise<AlarmTypes> {
  types ??= alarmApi.types().catch((error: unknown) => {
    types = null;
    throw error;
  });
  return types;
}
