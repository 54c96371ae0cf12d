/** Trucks of one question, page by page; those that were read are read again while somebody looks. */
import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';

import { ApiError, isAbort } from '@/api/client';
import { api } from '@/api/endpoints';
import type { VehicleQuery } from '@/api/endpoints';
import type { VehicleRow } from '@/api/types';

export const AGAIN_MS = 15_000;

export interface TruckPages {
  rows: Readonly<Ref<VehicleRow[]>>;
  /** Of all pages; null: not known yet. */
  total: Readonly<Ref<number | null>>;
  error: Readonly<Ref<ApiError | null>>;
  busy: Readonly<Ref<boolean>>;
  /** Reads the next page, or the first where none is there yet. */
  more: () => Promise<void>;
}

export function useTruckPages(question: () => VehicleQuery, found: (total: number) => void): TruckPages {
  const pages = shallowRef<VehicleRow[][]>([]);
  const total = ref<number | null>(null);
  const error = shallowRef<ApiError | null>(null);
  const busy = ref(false);
  let flight: AbortController | null = null;

  async function read(numbers: readonly number[]): Promise<void> {
    flight?.abort();
    const mine = (flight = new AbortController());
    busy.value = true;
    try {
      for (const page of numbers) {
        const answer = await api.vehicles({ ...question(), page }, mine.signal);
        if (mine.signal.aborted) return;
        pages.value = [...pages.value.slice(0, page - 1), answer.items, ...pages.value.slice(page)];
        total.value = answer.total;
      }
      error.value = null;
      found(total.value ?? 0);
    } catch (failure) {
      if (isAbort(failure) || mine.signal.aborted) return;
      error.value = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
    }
    busy.value = false;
  }
  const more = (): Promise<void> => read([pages.value.length + 1]);

  watch(
    () => JSON.stringify(question()),
    () => {
      pages.value = [];
      total.value = null;
      void more();
    },
    { immediate: true },
  );
  const timer = setInterval(() => {
    if (document.hidden || busy.value) return;
    void (pages.value.length ? read(pages.value.map((_, place) => place + 1)) : more());
  }, AGAIN_MS);
  onBeforeUnmount(() => {
    clearInterval(timer);
    flight?.abort();
  });
  return { rows: computed(() => pages.value.flat()), total, error, busy, more };
}
