/** Which channels on the wall are being recorded: those that this page began, and those that the picture itself says so of. */
import { defineStore } from 'pinia';
import { reactive, ref, watch } from 'vue';

import { ApiError } from '@/api/client';
import { useSession } from '@/shell/session';
import type { Quality } from '@/video/protocol';

import { usePurpose } from '../purpose';
import { keyOf } from '../wall';
import type { Slot } from '../wall';

import { recordsApi, running } from './answers';
import type { RecordRow } from './answers';

const AGAIN_MS = 2_000;

export const useRecords = defineStore('video-records', () => {
  const session = useSession();
  const purpose = usePurpose();
  /** By channel: what runs there, or ran there last on this page. */
  const rows = reactive(new Map<string, RecordRow>());
  const busy = reactive(new Set<string>());
  /** What was chosen for the last record, or brought along from a case; 0 minutes: as long as may be. */
  const wish = ref<{ minutes: number; vehicle: number; case: number | null; number: string }>({ minutes: 5, vehicle: 0, case: null, number: '' });
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** Somebody came here from a case: what is recorded or fetched of its truck is for it, unless another is chosen. `words` name it. */
  function about(vehicle: number, id: number, words: string): void {
    wish.value = { ...wish.value, vehicle, case: id, number: words.split(' ').at(-1) || `#${id}` };
  }

  const of = (slot: Slot): RecordRow | undefined => rows.get(keyOf(slot));

  function keep(row: RecordRow): void {
    const key = keyOf({ vehicle: row.vehicle_id, channel: row.channel });
    const before = rows.get(key);
    // another person's older record does not hide the own one
    if (before && before.id !== row.id && running(before) && !running(row)) return;
    rows.set(key, row);
    if (running(row)) schedule();
  }

  function schedule(): void {
    timer ??= setTimeout(() => void look(), AGAIN_MS);
  }

  async function look(): Promise<void> {
    const open = document.hidden ? [] : [...rows].filter(([, row]) => running(row));
    await Promise.all(open.map(async ([key, { id }]) => {
      try {
        const { record } = await recordsApi.one(id);
        if (rows.get(key)?.id === id) rows.set(key, record);
      } catch (error) {
        // who may not see it any more does not ask again; everything else passes
        if (error instanceof ApiError && (error.forbidden || error.status === 404)) rows.delete(key);
      }
    }));
    timer = undefined;
    if ([...rows.values()].some(running)) schedule();
  }

  /** The picture says that its channel is recorded: by whom, since when? */
  async function found(slot: Slot): Promise<void> {
    const known = of(slot);
    if (known && running(known)) return;
    try {
      const { items } = await recordsApi.list({ vehicle: slot.vehicle, state: 'recording', size: 50 });
      const here = items.filter((each) => each.channel === slot.channel);
      const row = here.find((each) => each.by?.id === session.user?.id) ?? here[0];
      if (row) keep(row);
    } catch {
      // the red dot stands without a time then
    }
  }

  async function once(slot: Slot, act: () => Promise<RecordRow>): Promise<void> {
    const key = keyOf(slot);
    if (busy.has(key)) return;
    busy.add(key);
    try {
      keep(await act());
    } finally {
      busy.delete(key);
    }
  }

  /** Throws ApiError. */
  const start = (slot: Slot, stream: Quality, seconds: number, forCase: number | null): Promise<void> =>
    once(slot, () => purpose.withPurpose(slot.vehicle, (why) => recordsApi.start(slot, stream, seconds, forCase, why)));

  /** Throws ApiError. */
  const stop = (slot: Slot, id: number): Promise<void> => once(slot, () => recordsApi.stop(id));

  watch(() => session.user?.id, () => {
    rows.clear();
    wish.value = { minutes: 5, vehicle: 0, case: null, number: '' };
  });
  return { rows, busy, wish, about, of, found, start, stop, keep };
});
