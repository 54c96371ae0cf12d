/**
 * Files that were fetched already, as object URLs: the next case's evidence stands ready when the person goes on. The server forbids
 * browsers to keep evidence, so it is held here, in memory, and let go oldest first.
 */
import { reactive, ref } from 'vue';

import { requestFile, withQuery } from '@/api/client';
import { onOtherRights } from '@/shell/session';

/** Bytes held at most; a case has a few pictures and two or three clips of some megabytes. */
const HELD_MAX = 160 << 20;

interface Held {
  url: string;
  bytes: number;
}

const held = new Map<string, Held>();
const flights = new Map<string, Promise<string>>();
/** Where the copy of a clip ends that goes on behind it, ms by file. */
export const ends = reactive(new Map<number, number>());
let total = 0;
/** Ends what is on its way when nothing is to stay. */
let away = new AbortController();

/** The way to a file: a picture's copy bears viewer, time and this purpose. */
export function addressOf(id: number, purpose: string, form: 'view' | 'original' = 'view'): string {
  return withQuery(`/api/evidence/${id}/file`, { purpose, form: form === 'view' ? null : form });
}

function keep(key: string, blob: Blob): string {
  const url = URL.createObjectURL(blob);
  held.set(key, { url, bytes: blob.size });
  total += blob.size;
  for (const [oldest, each] of held) {
    if (total <= HELD_MAX || oldest === key) break;
    held.delete(oldest);
    total -= each.bytes;
    URL.revokeObjectURL(each.url);
  }
  return url;
}

/** `ahead`: nobody waits for it, so nobody is asked to lift a refusal. */
async function read(id: number, key: string, ahead: boolean): Promise<string> {
  return keep(key, await requestFile(key, { plain: ahead, signal: away.signal }, (headers) => {
    const end = Number(headers.get('x-luwei-copy-ends') ?? 0);
    if (end > 0) ends.set(id, end);
  }));
}

/** The file's object URL; fetched once. @throws ApiError */
export function fetched(id: number, purpose: string, ahead = false): Promise<string> {
  const key = addressOf(id, purpose);
  const ready = held.get(key);
  if (ready) {
    held.delete(key);
    held.set(key, ready); // youngest again
    return Promise.resolve(ready.url);
  }
  let flight = flights.get(key);
  if (!flight) {
    const mine = (flight = read(id, key, ahead).finally(() => {
      if (flights.get(key) === mine) flights.delete(key);
    }));
    flights.set(key, mine);
  }
  return flight;
}

/** Counts how often all was let go because the rights are others: what still shows a file asks for it anew. */
export const turn = ref(0);
onOtherRights(() => {
  letGo();
  turn.value += 1;
});

/** Another person signs in, or the page is left: nothing stays. */
export function letGo(): void {
  away.abort();
  away = new AbortController();
  flights.clear();
  for (const each of held.values()) URL.revokeObjectURL(each.url);
  held.clear();
  total = 0;
}
