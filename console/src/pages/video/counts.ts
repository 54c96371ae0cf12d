/** How many trucks of an area or an operator are online; read a few at a time while the tree is open. */
import { defineStore } from 'pinia';
import { reactive } from 'vue';

import { api } from '@/api/endpoints';
import { onOtherRights } from '@/shell/session';

export interface Count {
  online: number;
  total: number;
}

const AT_ONCE = 2;
const FRESH_MS = 30_000;

export const useCounts = defineStore('video-counts', () => {
  const counts = reactive(new Map<string, Count>());
  const readAt = new Map<string, number>();
  const queue: (() => Promise<void>)[] = [];
  let running = 0;
  /** Counts whose figures they are: an answer to the former ones is none. */
  let turn = 0;

  async function run(): Promise<void> {
    if (running >= AT_ONCE) return;
    running += 1;
    for (let job = queue.shift(); job; job = queue.shift()) await job().catch(() => undefined);
    running -= 1;
  }

  /** Asks for it unless that was done a moment ago; who may see no positions gets no counts. */
  function want(key: string, read: () => Promise<void>): void {
    const now = Date.now();
    if (now - (readAt.get(key) ?? 0) < FRESH_MS) return;
    readAt.set(key, now);
    queue.push(read);
    void run();
  }

  const sum = (items: readonly { counts: Count }[]): Count =>
    items.reduce((all, { counts: each }) => ({ online: all.online + each.online, total: all.total + each.total }), { online: 0, total: 0 });

  const operatorKey = (id: number): string => `o${id}`;
  const areaKey = (adcode: number): string => `a${adcode}`;

  function ofOperator(id: number): void {
    const mine = turn;
    want(operatorKey(id), async () => {
      const found = sum((await api.areaCounts(id)).items);
      if (mine === turn) counts.set(operatorKey(id), found);
    });
  }

  /** All cities with one question; the province is their sum. */
  function ofAreas(): void {
    const mine = turn;
    want('areas', async () => {
      const { items } = await api.areaCounts(null);
      if (mine !== turn) return;
      for (const { adcode, counts: each } of items) counts.set(areaKey(adcode), each);
      counts.set(areaKey(PROVINCE), sum(items));
    });
  }

  onOtherRights(() => {
    turn += 1;
    queue.splice(0);
    counts.clear();
    readAt.clear();
  });

  return { counts, ofOperator, ofAreas, operatorKey, areaKey };
});

export const PROVINCE = 440000;
