/** Vehicles of each city by state, for the labels of the province view and for who sees counts alone; asked only while these are on the screen. */
import { onBeforeUnmount, ref, watch } from 'vue';

import { isAbort } from '@/api/client';
import { api } from '@/api/endpoints';

const AGAIN_MS = 5_000;

export interface CityCount {
  total: number;
  online: number;
  moving: number;
  stopped: number;
  offline: number;
  alarm: number;
  asOf: number;
}

/** What the cities make together, or the chosen one alone; null before anything is known. */
export function together(counts: ReadonlyMap<number, CityCount>, city: number | null): CityCount | null {
  const chosen = city === null ? [...counts.values()] : [counts.get(city)].filter((each) => each !== undefined);
  if (!chosen.length) return null;
  const sum = { total: 0, online: 0, moving: 0, stopped: 0, offline: 0, alarm: 0 };
  for (const each of chosen) for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += each[key];
  return { ...sum, asOf: Math.min(...chosen.map((each) => each.asOf)) };
}

export function useCityCounts(visible: () => boolean, operator: () => number | null) {
  const counts = ref(new Map<number, CityCount>());
  let flight: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function read(): Promise<void> {
    clearTimeout(timer);
    flight?.abort();
    if (!visible()) return;
    const mine = new AbortController();
    flight = mine;
    if (!document.hidden) {
      try {
        const answer = await api.areaCounts(operator(), mine.signal, true);
        counts.value = new Map(answer.items.map((each) => [each.adcode, { ...each.counts, asOf: answer.as_of }]));
      } catch (error) {
        if (isAbort(error)) return;
        counts.value = new Map(); // a label without a figure, never an old one
      }
    }
    if (mine === flight) timer = setTimeout(read, AGAIN_MS);
  }

  watch([visible, operator], () => void read(), { immediate: true });
  onBeforeUnmount(() => {
    clearTimeout(timer);
    flight?.abort();
    flight = null;
  });
  return counts;
}
