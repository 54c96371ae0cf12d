/** The list of orders, the counts above it and the open order, all kept fresh while somebody looks. */
import { onBeforeUnmount, ref, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';

import { ApiError, isAbort } from '@/api/client';
import { orderApi } from '@/api/oversight';
import type { OrderDetail, OrderFilter } from '@/api/oversight';
import { useReading } from '@/api/reading';
import type { Reading } from '@/api/reading';
import type { OrderCounts, OrderPage } from '@/api/oversight';

export const SIZE = 50;
const AGAIN_MS = 15_000;

export interface OpenOrder {
  detail: Ref<OrderDetail | null>;
  error: Ref<ApiError | null>;
  busy: Ref<boolean>;
  reload: () => Promise<void>;
  /** Runs one act and takes its answer in. @throws ApiError */
  act: (run: (detail: OrderDetail) => Promise<OrderDetail>) => Promise<OrderDetail>;
}

export function useOrderList(filter: () => OrderFilter, page: () => number): { list: Reading<OrderPage>; counts: Reading<OrderCounts>; reload: () => Promise<void> } {
  const list = useReading((signal) => orderApi.page(filter(), page(), SIZE, signal), () => [filter(), page()], true, AGAIN_MS);
  const about = (): Pick<OrderFilter, 'city' | 'county' | 'target'> => ({ city: filter().city, county: filter().county, target: filter().target });
  const counts = useReading((signal) => orderApi.counts(about(), signal), about, true, AGAIN_MS);
  const reload = async (): Promise<void> => {
    await Promise.all([list.reload(), counts.reload()]);
  };
  return { list, counts, reload };
}

export function useOpenOrder(id: () => number | null): OpenOrder {
  const detail = shallowRef<OrderDetail | null>(null);
  const error = shallowRef<ApiError | null>(null);
  const busy = ref(false);
  let flight: AbortController | null = null;
  let asking = false;

  async function reload(): Promise<void> {
    const wanted = id();
    flight?.abort();
    if (wanted === null) return;
    const mine = (flight = new AbortController());
    asking = true;
    try {
      const found = await orderApi.one(wanted, mine.signal);
      if (mine.signal.aborted) return;
      detail.value = found;
      error.value = null;
    } catch (failure) {
      if (isAbort(failure) || mine.signal.aborted) return;
      error.value = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
      if (error.value.forbidden || error.value.status === 404) detail.value = null;
    }
    asking = false;
  }

  async function act(run: (detail: OrderDetail) => Promise<OrderDetail>): Promise<OrderDetail> {
    const before = detail.value;
    if (!before) throw new Error('no order is open');
    busy.value = true;
    try {
      const after = await run(before);
      await reload();
      return after;
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 409) await reload();
      throw failure;
    } finally {
      busy.value = false;
    }
  }

  watch(
    id,
    () => {
      detail.value = null;
      error.value = null;
      void reload();
    },
    { immediate: true },
  );
  const timer = setInterval(() => {
    if (!document.hidden && !busy.value && !asking) void reload();
  }, AGAIN_MS);
  onBeforeUnmount(() => {
    clearInterval(timer);
    flight?.abort();
  });
  return { detail, error, busy, reload, act };
}
