import type { VehicleRow } from '@/api/types';
import type { TrackAnswer, TrackGap, TrackStop } from '@/pages/track/answer';

const VEHICLE: VehicleRow = {
  id: 1,
  plate: '粤BK2087',
  plate_color: 2,
  vin: null,
  vehicle_class: null,
  city: 440300,
  county: null,
  operator: null,
  terminal: null,
  live: null,
};

export interface SamplePoint {
  at: number;
  lat?: number;
  lon?: number;
  speed?: number;
  alarm?: number;
  origin?: number;
  flags?: number;
  direction?: number;
}

/** An answer made of the named fields; everything else is at rest. */
export function answerOf(points: SamplePoint[], gaps: TrackGap[] = [], stops: TrackStop[] = []): TrackAnswer {
  return {
    as_of: 0,
    vehicle: VEHICLE,
    columns: {
      at: points.map((p) => p.at),
      received_at: points.map((p) => p.at + 400),
      lat_e6: points.map((p) => Math.round((p.lat ?? 23) * 1e6)),
      lon_e6: points.map((p) => Math.round((p.lon ?? 113) * 1e6)),
      speed_dkmh: points.map((p) => (p.speed ?? 0) * 10),
      direction_deg: points.map((p) => p.direction ?? 0xffff),
      altitude_m: points.map(() => 0),
      mileage_hm: points.map(() => null),
      alarm: points.map((p) => p.alarm ?? 0),
      status: points.map(() => 3),
      origin: points.map((p) => p.origin ?? 0),
      flags: points.map((p) => p.flags ?? 0),
    },
    stops,
    gaps,
    summary: {
      points: points.length,
      backfilled: 0,
      distance_m: 0,
      complete_m: 0,
      driving_s: 0,
      stopped_s: 0,
      gap_count: gaps.length,
      gap_m: 0,
      max_speed_dkmh: 0,
      rows: points.length,
      duplicates: 0,
      unqualified: 0,
      not_fixed: 0,
      drift: 0,
    },
    truncated: false,
  };
}
