/** Post checks 查岗 that wait for an answer of the own organisation, asked for every 15 s while the account may answer. */
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';

import { ApiError } from '@/api/client';
import { checkApi } from '@/api/post-checks';
import type { OpenQuestion } from '@/api/post-checks';

export const EVERY_MS = 15_000;

export const usePostChecks = defineStore('post-checks', () => {
  const open = shallowRef<OpenQuestion[]>([]);
  /** What was asked cannot be read: the last answer stands. */
  const away = ref(false);
  const listeners = new Set<(fresh: OpenQuestion[]) => void>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let known = new Set<number>();
  /** Counts the questions to the server and what changes their answer here: an answer to an older one is none. */
  let turn = 0;
  let asking = 0;

  async function read(): Promise<void> {
    const mine = (turn += 1);
    asking += 1;
    try {
      const { items } = await checkApi.mine(false);
      if (mine !== turn) return;
      const fresh = items.filter((each) => !known.has(each.id));
      known = new Set(items.map((each) => each.id));
      open.value = items;
      away.value = false;
      if (fresh.length) for (const listener of listeners) listener(fresh);
    } catch (failure) {
      if (mine !== turn) return;
      away.value = true;
      if (failure instanceof ApiError && failure.forbidden) stop(); // the right is gone
    } finally {
      asking -= 1;
    }
  }

  /** What is over for this browser: answered, or answered by a colleague. */
  function settled(id: number): void {
    turn += 1;
    open.value = open.value.filter((each) => each.id !== id);
  }

  function start(): void {
    if (timer !== undefined) return;
    timer = setInterval(() => void (asking ? undefined : read()), EVERY_MS);
    document.addEventListener('visibilitychange', seen);
    void read();
  }
  function stop(): void {
    turn += 1;
    clearInterval(timer);
    timer = undefined;
    document.removeEventListener('visibilitychange', seen);
    open.value = [];
    known = new Set();
  }
  // a tab in the background is slowed down: what came meanwhile is read when it is looked at
  function seen(): void {
    if (!document.hidden) void read();
  }

  function listen(listener: (fresh: OpenQuestion[]) => void): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  return { open, away, start, stop, read, settled, listen };
});
