/** How far the installation is, as the server counts it, and the trucks behind each count. */
import { request, withQuery } from '@/api/client';
import type { Page } from '@/api/types';

export const STAGES = ['due', 'bound', 'heard', 'online'] as const;
export const STALLS = ['never', 'day', 'week'] as const;
export type Stage = (typeof STAGES)[number];
export type Stall = (typeof STALLS)[number];
export type Counts = Readonly<Record<Stage | Stall | 'templated' | 'matched', number>>;

export interface Named {
  id: number;
  name: string;
}

export interface Cell {
  city: number | null;
  insurer: Named | null;
  vendor: Named | null;
  counts: Counts;
}

export interface Progress {
  as_of: number;
  sum: Counts;
  cells: Cell[];
  months: { month: string; bound: number; heard: number }[];
}

export interface Truck {
  vehicle_id: number;
  plate: string;
  plate_color: number;
  city: number | null;
  county: number | null;
  operator: Named | null;
  insurer: Named | null;
  vendor: Named | null;
  terminal_id: string;
  phone: string;
  model: string;
  bound_at: number | null;
  first_at: number | null;
  silent_at: number | null;
  reached: Stage;
  parameters: string;
}

export interface Waiting {
  row: Truck;
  days: number | null;
  reason: { zh: string; en: string } | null;
}

/** Which trucks a list shows; 0 is "of none". */
export interface Picked {
  stage?: string;
  before?: string;
  short?: string;
  stall?: string;
  templated?: string;
  city?: number | null;
  county?: number | null;
  insurer?: number | null;
  vendor?: number | null;
}

export type By = 'city' | 'insurer' | 'vendor';

export interface Group {
  key: number;
  /** Null: of none. */
  name: string | null;
  counts: Counts;
}

/** The cells summed by one of their names, the largest first. */
export function grouped(cells: readonly Cell[], by: By, cityName: (code: number) => string): Group[] {
  const found = new Map<number, { key: number; name: string | null; counts: Record<string, number> }>();
  for (const cell of cells) {
    const body = by === 'city' ? (cell.city === null ? null : { id: cell.city, name: cityName(cell.city) }) : cell[by];
    const group = found.get(body?.id ?? 0) ?? { key: body?.id ?? 0, name: body?.name ?? null, counts: {} };
    for (const [name, value] of Object.entries(cell.counts)) group.counts[name] = (group.counts[name] ?? 0) + value;
    found.set(group.key, group);
  }
  return ([...found.values()] as Group[]).sort((one, other) => other.counts.due - one.counts.due || one.key - other.key);
}

export const installApi = {
  progress: (area: { city: number | null; county: number | null }, signal?: AbortSignal) => request<Progress>('/api/installation/progress', { query: area, signal }),
  trucks: (picked: Picked, page: number, size: number, signal?: AbortSignal) =>
    request<Page<Waiting> & { as_of: number }>('/api/installation/vehicles', { query: { ...picked, page, size }, signal }),
  csv: (picked: Picked): string => withQuery('/api/installation/vehicles.csv', { ...picked }),
};
