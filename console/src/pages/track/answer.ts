import type { VehicleRow } from '@/api/types';

/** What `GET /api/vehicles/{id}/track` answers. Times are UTC milliseconds, places WGS-84 in 1e-6 degrees. */

export interface TrackColumns {
  at: number[];
  received_at: number[];
  lat_e6: number[];
  lon_e6: number[];
  speed_dkmh: number[];
  /** Null where the terminal sends none. */
  direction_deg: (number | null)[];
  altitude_m: number[];
  mileage_hm: (number | null)[];
  alarm: number[];
  status: number[];
  origin: number[];
  flags: number[];
}

export interface TrackStop {
  from: number;
  to: number;
  lat_e6: number;
  lon_e6: number;
  points: number;
}

export interface TrackGap {
  from: number;
  to: number;
  metres: number;
  from_index: number;
}

export interface TrackSummary {
  points: number;
  backfilled: number;
  distance_m: number;
  complete_m: number;
  driving_s: number;
  stopped_s: number;
  gap_count: number;
  gap_m: number;
  max_speed_dkmh: number;
  /** Rows received, and why some of them do not count. */
  rows: number;
  duplicates: number;
  unqualified: number;
  not_fixed: number;
  drift: number;
}

export interface TrackAnswer {
  as_of: number;
  vehicle: VehicleRow;
  columns: TrackColumns;
  stops: TrackStop[];
  gaps: TrackGap[];
  summary: TrackSummary;
  truncated: boolean;
}

/** Values of the column `origin`: 0x0200, 0x0704 type 0, 0x0704 type 1 (盲区补报), 0x0201. */
export const ORIGIN_BACKFILL = 2;

/** Bits 0 to 4 of the column `flags`: no readable or plausible time, no fix, an impossible place. */
export const FLAG_NOT_FIXED = 1 << 3;
export const FLAG_PLACE_IMPOSSIBLE = 1 << 4;
/** Only with `raw=1`: the server judged the point to be drift 漂移, or its values to be impossible. */
export const FLAG_DRIFT = 1 << 6;
export const FLAG_UNQUALIFIED = 1 << 7;

/** Points with one of these are no part of the line. */
export const OFF_LINE = 0b1_1111 | FLAG_DRIFT | FLAG_UNQUALIFIED;
/** Points with one of these have no place at all. */
export const NO_PLACE = FLAG_NOT_FIXED | FLAG_PLACE_IMPOSSIBLE;

export const DIRECTION_UNKNOWN = 0xffff;
