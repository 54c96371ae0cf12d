/** What `/api/fences` says: areas and routes that trucks are told to watch. Places are WGS-84 in 1e-6 degrees. */
import { request } from '@/api/client';

export type AreaKind = 'circle' | 'rectangle' | 'polygon' | 'route';
export const AREA_KINDS: readonly AreaKind[] = ['circle', 'rectangle', 'polygon', 'route'];

export interface Limit {
  max_speed: number | null;
  duration_s: number | null;
  night_speed: number | null;
}
export interface TurningPoint extends Limit {
  lat_e6: number;
  lon_e6: number;
  width_m: number;
  too_long_s: number | null;
  too_short_s: number | null;
}
export interface CircleShape {
  lat_e6: number;
  lon_e6: number;
  radius_m: number;
}
export interface RectangleShape {
  north_e6: number;
  west_e6: number;
  south_e6: number;
  east_e6: number;
}
export type Geometry = CircleShape | RectangleShape | { points: [lat: number, lon: number][] } | { points: TurningPoint[] };

export interface Rules extends Partial<Limit> {
  enter_driver: boolean;
  enter_platform: boolean;
  leave_driver: boolean;
  leave_platform: boolean;
  doors_closed?: boolean;
  radio_off?: boolean;
  detail?: boolean;
  start: string | null;
  end: string | null;
}

export interface Area {
  id: number;
  name: string;
  kind: AreaKind;
  city: number | null;
  geometry: Geometry;
  rules: Rules;
  note: string;
  version: number;
  created_at: number;
  updated_at: number;
}

export interface AreaPage {
  as_of: number;
  total: number;
  items: Area[];
  may_write: boolean;
}

export interface AreaBody {
  name: string;
  kind: AreaKind;
  city: number | null;
  note: string;
  geometry: Geometry;
  rules: Rules;
}

export interface Difference {
  field: string;
  zh: string;
  en: string;
  sent: string;
  read: string;
}
export interface Comparison {
  kind: AreaKind;
  known: boolean;
  items: { id: number; name: string; state: 'same' | 'different' | 'missing' | 'extra'; differences: Difference[] }[];
}

export const areasApi = {
  list: (query: { kind?: AreaKind | null; q?: string; page?: number; size?: number }, signal?: AbortSignal) =>
    request<AreaPage>('/api/fences', { query, signal }),
  create: (body: AreaBody) => request<Area>('/api/fences', { body }),
  change: (id: number, body: Partial<AreaBody>) => request<Area>(`/api/fences/${id}`, { method: 'PATCH', body }),
  remove: (id: number) => request<void>(`/api/fences/${id}`, { method: 'DELETE' }),
  compared: (command: number, signal?: AbortSignal) => request<Comparison>(`/api/commands/${command}/areas`, { signal }),
};
