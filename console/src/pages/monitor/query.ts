/** The monitor's part of the URL: `?state=&operator=&vehicle=&view=lon,lat,zoom` beside the area. */
import { computed } from 'vue';
import { useRoute, useRouter } from 'vue-router';

import type { StateFilter } from '@/api/types';
import { useArea } from '@/shell/area';
import { heading } from '@/shell/heading';

export const STATES: readonly StateFilter[] = ['all', 'online', 'moving', 'stopped', 'offline', 'alarm'];

export interface MapView {
  lon: number;
  lat: number;
  zoom: number;
}

export function readView(text: unknown): MapView | null {
  if (typeof text !== 'string') return null;
  const [lon, lat, zoom, ...rest] = text.split(',').map(Number);
  const good =
    rest.length === 0 &&
    Number.isFinite(lon) &&
    Number.isFinite(lat) &&
    Number.isFinite(zoom) &&
    Math.abs(lon as number) <= 180 &&
    Math.abs(lat as number) <= 85;
  return good ? { lon: lon as number, lat: lat as number, zoom: Math.min(18, Math.max(4.5, zoom as number)) } : null;
}

export function writeView(view: MapView): string {
  return `${view.lon.toFixed(5)},${view.lat.toFixed(5)},${view.zoom.toFixed(2)}`;
}

export function useMonitorQuery() {
  const route = useRoute();
  const router = useRouter();
  const area = useArea();
  const whole = (value: unknown): number | null =>
    typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : null;

  const state = computed<StateFilter>(() => {
    const value = route.query.state as StateFilter;
    return STATES.includes(value) ? value : 'all';
  });
  const operator = computed(() => whole(route.query.operator));
  const vehicle = computed(() => whole(route.query.vehicle));
  const view = computed(() => readView(route.query.view));

  function change(changes: Record<string, string | number | null>, keep: 'push' | 'replace' = 'replace'): void {
    const { path, query: standing } = heading(router);
    if (path !== '/monitor') return;
    const query = { ...standing };
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === 'all' || value === '') delete query[name];
      else query[name] = String(value);
    }
    void router[keep]({ query });
  }

  return { ...area, state, operator, vehicle, view, change };
}
