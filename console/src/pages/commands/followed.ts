/** One command on its way to a truck, read again until it is over. */
import { onBeforeUnmount, ref, shallowRef } from 'vue';
import type { Ref } from 'vue';

import { commandsApi, isOpen } from './answers';
import type { Command } from './answers';

export const AGAIN_MS = 400;

export interface Followed {
  result: Readonly<Ref<Command | null>>;
  /** The truck answered none of its last commands. */
  neverAnswers: Readonly<Ref<boolean>>;
  follow: (batch: number) => Promise<void>;
  /** What was followed is looked at no more; it goes on by itself. */
  leave: () => void;
}

export function useFollowed(vehicle: () => number | null): Followed {
  const result = shallowRef<Command | null>(null);
  const neverAnswers = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts what is followed: an answer to the former one is none. */
  let turn = 0;
  let gone = false;

  async function look(batch: number, mine: number): Promise<void> {
    try {
      const found = (await commandsApi.list({ batch, size: 1 })).items[0] ?? null;
      if (mine !== turn) return;
      result.value = found;
      const truck = vehicle();
      if (truck !== null && found?.result === 'no_answer') {
        const { never_answers: never } = await commandsApi.list({ vehicle: truck, size: 1 });
        if (mine === turn) neverAnswers.value = never;
      }
    } catch {
      // asked again below: what is under way does not depend on this page
    }
    if (mine === turn && (!result.value || isOpen(result.value.state))) timer = setTimeout(() => void look(batch, mine), AGAIN_MS);
  }

  function leave(): void {
    turn += 1;
    clearTimeout(timer);
    result.value = null;
    neverAnswers.value = false;
  }

  async function follow(batch: number): Promise<void> {
    leave();
    if (!gone) await look(batch, turn);
  }
  onBeforeUnmount(() => {
    gone = true;
    leave();
  });
  return { result, neverAnswers, follow, leave };
}
