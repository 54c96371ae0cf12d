/** The speed curve and the way of a case, as the screen draws them. */
import type { CaseDetail } from '@/api/cases';

import type { SpeedPoint } from './axis';

export function speedsOf(detail: Pick<CaseDetail, 'curve'>): SpeedPoint[] {
  const { curve } = detail;
  if (!curve) return [];
  return curve.at.map((at, index) => ({ at: at - curve.alarm_at, kmh: (curve.speed_dkmh[index] ?? 0) / 10 }));
}

/** Longitude and latitude in degrees, in order of time. */
export function wayOf(detail: Pick<CaseDetail, 'around'>): [lon: number, lat: number][] {
  const { around } = detail;
  if (!around) return [];
  return around.at.map((_, index) => [(around.lon_e6[index] ?? 0) / 1e6, (around.lat_e6[index] ?? 0) / 1e6]);
}
