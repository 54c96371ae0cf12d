/**
 * A long list read page by page as it is scrolled. Rows outside the pages read so far are null. Changing the question forgets all; the
 * pages on the screen are read again every few seconds.
 */
import { onBeforeUnmount, ref, shallowRef, watch } from 'vue';

import { ApiError, isAbort } from '@/api/client';
import { api, type VehicleQuery } from '@/api/endpoints';
import type { VehicleRow } from '@/api/types';

export const PAGE = 100;
const AGAIN_MS = 5_000;

/** Numbers (from 1) of the pages that hold rows `first` … `last`. */
export function pagesOf(first: number, last: number, size = PAGE): number[] {
  const from = Math.floor(Math.max(0, first) / size);
  const to = Math.floor(Math.max(0, last) / size);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index + 1);
}

export function usePagedVehicles(question: () => VehicleQuery) {
  const rows = shallowRef<(VehicleRow | null)[]>([]);
  const total = ref<number | null>(null);
  const asOf = ref(0);
  const error = shallowRef<ApiError | null>(null);
  const pages = new Map<number, VehicleRow[]>();
  let range: [number, number] = [0, 20];
  let flight = new AbortController();
  let timer: ReturnType<typeof setInterval> | undefined;
  const asked = new Set<number>();

  function rebuild(): void {
    const list = new Array<VehicleRow | null>(total.value ?? 0).fill(null);
    for (const [page, items] of pages) items.forEach((row, index) => (list[(page - 1) * PAGE + index] = row));
    list.length = total.value ?? 0;
    rows.value = list;
  }

  async function read(page: number): Promise<void> {
    if (asked.has(page)) return;
    asked.add(page);
    const mine = flight;
    try {
      const answer = await api.vehicles({ ...question(), page, size: PAGE }, mine.signal, true);
      if (mine !== flight) return;
      pages.set(page, answer.items);
      total.value = answer.total;
      asOf.value = answer.as_of;
      error.value = null;
      rebuild();
    } catch (failure) {
      if (!isAbort(failure) && mine === flight) {
        error.value = failure instanceof ApiError ? failure : new ApiError(0, 'unknown', String(failure));
        if (error.value.forbidden) forget(); // the right is over, and so is what it showed
      }
    } finally {
      if (mine === flight) asked.delete(page);
    }
  }

  function show(first: number, last: number): void {
    range = [first, last];
    for (const page of pagesOf(first, last)) if (!pages.has(page)) void read(page);
  }

  function again(): void {
    if (document.hidden) return;
    const near = new Set(pagesOf(...range));
    for (const page of pages.keys()) if (!near.has(page)) pages.delete(page); // bounded: only what is on the screen is kept
    for (const page of near) void read(page);
  }

  function forget(): void {
    pages.clear();
    total.value = null;
    rows.value = [];
  }

  function reset(): void {
    flight.abort();
    flight = new AbortController();
    asked.clear();
    forget();
    error.value = null;
    range = [0, 20];
    void read(1);
  }

  watch(question, reset, { deep: true, immediate: true });
  timer = setInterval(again, AGAIN_MS);
  onBeforeUnmount(() => {
    clearInterval(timer);
    timer = undefined;
    flight.abort();
  });

  return { rows, total, asOf, error, show, reset };
}
