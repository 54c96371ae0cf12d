/** Online vehicles and vehicles in alarm of each city, for the labels of the province view; asked only while these are on the screen. */
import { onBeforeUnmount, ref, watch } from 'vue';

import { isAbort } from '@/api/client';
import { api } from '@/api/endpoints';

const AGAIN_MS = 5_000;

export interface CityCount {
  online: number;
  alarm: number;
  asOf: number;
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
        const answer = await api.areaCounts(operator(), mine.signal);
        counts.value = new Map(
          answer.items.map(({ adcode, counts: { online, alarm } }) => [adcode, { online, alarm, asOf: answer.as_of }]),
        );
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
