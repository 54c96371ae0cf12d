/** How many an order would reach, counted before it goes: a count holds for the very order that it was made for. */
import { shallowRef, watch } from 'vue';
import type { Ref } from 'vue';

export interface Counted<T> {
  counted: Readonly<Ref<T | null>>;
  /** Counts; an answer that comes after the order was changed is none. Throws what `ask` throws. */
  count: (ask: () => Promise<T>) => Promise<void>;
}

export function useCounted<T>(order: () => unknown): Counted<T> {
  const counted = shallowRef<T | null>(null) as Ref<T | null>;
  const said = (): string => JSON.stringify(order());
  watch(said, () => (counted.value = null), { flush: 'sync' });

  async function count(ask: () => Promise<T>): Promise<void> {
    const asked = said();
    const answer = await ask();
    if (said() === asked) counted.value = answer;
  }
  return { counted, count };
}
