/**
 * One answer of the server for a question that changes: the last question wins. When it cannot be read again, the last answer stays
 * with its time, and the page says that it is old.
 */
import { onBeforeUnmount, ref, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';

import { ApiError, isAbort } from './client';

export interface Reading<T> {
  data: Readonly<Ref<T | null>>;
  /** Set while the last try failed. */
  error: Readonly<Ref<ApiError | null>>;
  busy: Readonly<Ref<boolean>>;
  reload: () => Promise<void>;
}

/**
 * `key` tells one question from another: while another one is asked the old answer is `data` no more, unless `keep` is set; once the
 * other one has failed it is gone in any case, for it answers what nobody asks. `everyMs`: so often it is read again while somebody
 * looks and `due` says so of the last answer; an answer that takes longer is waited for.
 */
export function useReading<T>(
  read: (signal: AbortSignal) => Promise<T>, key: () => unknown, keep = false, everyMs = 0, due: (last: T | null) => boolean = () => true,
): Reading<T> {
  const data = shallowRef<T | null>(null) as Ref<T | null>;
  const error = shallowRef<ApiError | null>(null);
  const busy = ref(false);
  let flight: AbortController | null = null;
  /** The question that `data` answers. */
  let answered = '';

  async function reload(): Promise<void> {
    flight?.abort();
    const own = (flight = new AbortController());
    const question = JSON.stringify(key());
    busy.value = true;
    try {
      const answer = await read(own.signal);
      if (own.signal.aborted) return;
      data.value = answer;
      answered = question;
      error.value = null;
    } catch (failure) {
      if (isAbort(failure) || own.signal.aborted) return;
      error.value = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
      if (error.value.forbidden || question !== answered) data.value = null;
    }
    busy.value = false;
  }

  watch(
    () => JSON.stringify(key()),
    () => {
      if (!keep) data.value = null;
      error.value = null;
      void reload();
    },
    { immediate: true },
  );
  const timer = everyMs ? setInterval(() => void (document.hidden || busy.value || !due(data.value) ? undefined : reload()), everyMs) : undefined;
  onBeforeUnmount(() => {
    clearInterval(timer);
    flight?.abort();
  });
  return { data, error, busy, reload };
}
