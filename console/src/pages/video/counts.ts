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
  /** Operators on the screen, and on how many lines each. */
  const followed = new Map<number, number>();
  /** Counts whose figures they are: an answer to the former ones is none. */
  let turn = 0;

  async function run(): Promise<void> {
    if (running >= AT_ONCE) return;
    running += 1;
    for (let job = queue.shift(); job; job = queue.shift()) await job().catch(() => undefined);
    running -= 1;
  }

  /** Asks for it unless that was done a moment ago (`again`: all the same); who may see no positions gets no counts. */
  function want(key: string, read: () => Promise<void>, again = false): void {
    const now = Date.now();
    if (!again && now - (readAt.get(key) ?? 0) < FRESH_MS) return;
    readAt.set(key, now);
    queue.push(read);
    void run();
  }

  const sum = (items: readonly { counts: Count }[]): Count =>
    items.reduce((all, { counts: each }) => ({ online: all.online + each.online, total: all.total + each.total }), { online: 0, total: 0 });

  const operatorKey = (id: number): string => `o${id}`;
  const areaKey = (adcode: number): string => `a${adcode}`;

  function ofOperator(id: number, again = false): void {
    const mine = turn;
    want(operatorKey(id), async () => {
      const found = sum((await api.areaCounts(id, undefined, again)).items);
      if (mine === turn) counts.set(operatorKey(id), found);
    }, again);
  }

  /** An operator whose count stands on the screen; answers how to say that it does no more. */
  function follow(id: number): () => void {
    followed.set(id, (followed.get(id) ?? 0) + 1);
    ofOperator(id);
    return () => {
      const left = (followed.get(id) ?? 1) - 1;
      if (left) followed.set(id, left);
      else followed.delete(id);
    };
  }

  /** Reads all that stands on the screen once more; a round that is still under way is not overtaken by the next one. */
  function refresh(): void {
    if (running || queue.length) return;
    ofAreas(true);
    for (const id of followed.keys()) ofOperator(id, true);
  }

  /** All cities with one question; the province is their sum. */
  function ofAreas(again = false): void {
    const mine = turn;
    want('areas', async () => {
      const { items } = await api.areaCounts(null, undefined, again);
      if (mine !== turn) return;
      for (const { adcode, counts: each } of items) counts.set(areaKey(adcode), each);
      counts.set(areaKey(PROVINCE), sum(items));
    }, again);
  }

  onOtherRights(() => {
    turn += 1;
    queue.splice(0);
    counts.clear();
    readAt.clear();
  });

  return { counts, ofAreas, follow, refresh, operatorKey, areaKey };
});

export const PROVINCE = 440000;
