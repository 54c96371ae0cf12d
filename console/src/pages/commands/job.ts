/** A job over many trucks and a page of its results: read together again and again, filtered, steered. */
import { ref, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';

import { refusalText } from '@/api/rules';
import { useRefresh } from '@/pages/access/refresh';
import type { Refresh } from '@/pages/access/refresh';

export interface JobReading<Job, Results, Only, What> {
  results: (only: Only | null, page: number, signal: AbortSignal) => Promise<Results>;
  one: (signal: AbortSignal) => Promise<Job>;
  /** Answers the job as it is now; null where the answer is about another one. */
  act: (what: What) => Promise<Job | null>;
  /** Words for an act that was refused. */
  refused: (why: string) => string;
  everyMs: number;
  auto: Ref<boolean>;
}

export interface JobView<Job, Results, Only, What> extends Pick<Refresh<Results>, 'data' | 'error' | 'asOf' | 'reload'> {
  /** The last one read; it stays while a page of its results is on its way. */
  job: Readonly<Ref<Job | null>>;
  only: Readonly<Ref<Only | null>>;
  page: Ref<number>;
  failed: Readonly<Ref<string>>;
  choose: (next: Only | null) => void;
  act: (what: What) => Promise<void>;
}

export function useJob<Job, Results extends { as_of: number }, Only extends string, What extends string>(
  reading: JobReading<Job, Results, Only, What>,
): JobView<Job, Results, Only, What> {
  const only = shallowRef(null) as Ref<Only | null>;
  const page = ref(1);
  const failed = ref('');
  const job = shallowRef<Job | null>(null);
  let acting = false;
  const { data, error, asOf, reload } = useRefresh<Results & { job: Job }>(
    async (signal) => {
      const results = await reading.results(only.value, page.value, signal);
      // after the results, so that its counts are not behind them
      return { ...results, job: await reading.one(signal) };
    },
    reading.everyMs,
    reading.auto,
    () => [only.value, page.value],
  );
  watch(data, (now) => (job.value = now?.job ?? job.value));

  async function act(what: What): Promise<void> {
    if (acting) return;
    acting = true;
    failed.value = '';
    try {
      job.value = (await reading.act(what)) ?? job.value;
      reload();
    } catch (failure) {
      failed.value = reading.refused(refusalText(failure));
    } finally {
      acting = false;
    }
  }
  function choose(next: Only | null): void {
    only.value = next;
    page.value = 1;
  }
  return { data, error, asOf, reload, job, only, page, failed, choose, act };
}
