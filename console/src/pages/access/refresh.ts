/**
 * Reads again and again while the page is seen. An answer that does not come leaves the last one standing, with its time:
 * old figures with their time are better than none.
 */
import { computed, onBeforeUnmount, onMounted, ref, shallowRef, watch } from 'vue';
import type { ComputedRef, Ref } from 'vue';

import { ApiError, isAbort } from '@/api/client';
import { useSession } from '@/shell/session';

export interface Refresh<T> {
  data: Readonly<Ref<T | null>>;
  /** Set while the last try failed. */
  error: Readonly<Ref<ApiError | null>>;
  busy: Readonly<Ref<boolean>>;
  asOf: ComputedRef<number | null>;
  /** The figures are older than they should be. */
  late: ComputedRef<boolean>;
  reload: () => void;
}

/** Figures may be this many periods old before they count as late. */
const PATIENCE = 3;

export function isLate(asOf: number | null, now: number, everyMs: number): boolean {
  return asOf !== null && now - asOf > Math.max(5_000, PATIENCE * everyMs);
}

export function useRefresh<T extends { as_of: number }>(
  read: (signal: AbortSignal) => Promise<T>,
  everyMs: number,
  auto: Ref<boolean>,
  key: () => unknown = () => null,
): Refresh<T> {
  const session = useSession();
  const data = shallowRef<T | null>(null) as Ref<T | null>;
  const error = shallowRef<ApiError | null>(null);
  const busy = ref(false);
  const now = ref(session.now());
  let flight: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let gone = false;

  async function load(): Promise<void> {
    clearTimeout(timer);
    flight?.abort();
    const own = (flight = new AbortController());
    busy.value = true;
    try {
      const answer = await read(own.signal);
      if (own.signal.aborted) return;
      data.value = answer;
      error.value = null;
    } catch (failure) {
      if (isAbort(failure) || own.signal.aborted) return;
      error.value = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
      if (error.value.forbidden) data.value = null;
    }
    busy.value = false;
    now.value = session.now();
    next();
  }

  function next(): void {
    clearTimeout(timer);
    if (!gone && auto.value && !document.hidden && !error.value?.forbidden) timer = setTimeout(load, everyMs);
  }

  function seen(): void {
    if (document.hidden) clearTimeout(timer);
    else if (auto.value) void load();
  }

  const ticking = setInterval(() => (now.value = session.now()), 1_000);
  onMounted(() => {
    document.addEventListener('visibilitychange', seen);
    void load();
  });
  onBeforeUnmount(() => {
    gone = true;
    document.removeEventListener('visibilitychange', seen);
    clearTimeout(timer);
    clearInterval(ticking);
    flight?.abort();
  });
  watch(auto, (on) => (on ? void load() : clearTimeout(timer)));
  watch(
    () => JSON.stringify(key()),
    () => {
      data.value = null;
      error.value = null;
      void load();
    },
  );

  const asOf = computed(() => data.value?.as_of ?? null);
  const late = computed(() => (auto.value || error.value !== null) && isLate(asOf.value, now.value, everyMs));
  return { data, error, busy, asOf, late, reload: () => void load() };
}
