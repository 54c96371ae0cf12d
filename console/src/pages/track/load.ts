/** Fetches the asked-for track. A fault of the range is told at once, without asking the server. */
import { onBeforeUnmount, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';

import { alarmApi } from '@/api/alarms';
import type { AlarmRow } from '@/api/alarms';
import { ApiError, isAbort, request } from '@/api/client';
import { useSession } from '@/shell/session';

import { alarmSpans, markedSpans } from './alarms';
import type { AlarmSpan } from './alarms';
import type { TrackAnswer } from './answer';
import { eventsOf } from './events';
import type { TrackEvent } from './events';
import { weights } from './geometry';
import { rangeFault } from './range';
import { buildTrack } from './track';
import type { Span, Track } from './track';

export interface Loaded {
  answer: TrackAnswer;
  track: Track;
  weight: Float64Array;
  alarms: AlarmSpan[];
  marked: Span[];
  events: TrackEvent[];
  /** Not all alarms that terminals report beside the alarm word could be read. */
  partial: boolean;
}

export type LoadState =
  | { kind: 'idle' }
  | { kind: 'loading' }
  | { kind: 'ready'; loaded: Loaded }
  | { kind: 'empty'; answer: TrackAnswer }
  | { kind: 'long' }
  | { kind: 'order' }
  | { kind: 'forbidden'; error: ApiError }
  | { kind: 'missing' }
  | { kind: 'failed'; error: ApiError };

export interface Wanted {
  vehicle: number | null;
  from: number | null;
  to: number | null;
  raw: boolean;
}

/** Alarms of a track that are listed at most; a truck has some dozens a day. */
const FACTS_MOST = 1_000;
const FACTS_PAGE = 200;

interface Facts {
  rows: AlarmRow[];
  partial: boolean;
}

/** What the truck reported as alarms, as far as it can be read: the track is shown all the same. */
async function factsOf(vehicle: number, from: number, to: number, signal: AbortSignal): Promise<Facts> {
  const found: AlarmRow[] = [];
  let cursor: string | null = null;
  try {
    do {
      const page: { items: AlarmRow[]; next: string | null } = await alarmApi.ofVehicle(vehicle, from, to, FACTS_PAGE, signal, cursor);
      found.push(...page.items);
      cursor = page.next;
    } while (cursor && found.length < FACTS_MOST);
  } catch {
    return { rows: found, partial: true };
  }
  return { rows: found, partial: cursor !== null };
}

export function prepare(answer: TrackAnswer, facts: readonly AlarmRow[] = [], partial = false): Loaded {
  const track = buildTrack(answer);
  const alarms = alarmSpans(track);
  return {
    answer,
    track,
    weight: weights(track.mx, track.my, track.segments),
    alarms,
    marked: markedSpans(alarms),
    events: eventsOf(track, answer.gaps, alarms, facts),
    partial,
  };
}

export function useTrack(wanted: Ref<Wanted>): { state: Ref<LoadState>; reload: () => void } {
  const state = shallowRef<LoadState>({ kind: 'idle' });
  const session = useSession();
  let running: AbortController | null = null;

  async function load(): Promise<void> {
    running?.abort();
    running = null;
    const { vehicle, from, to, raw } = wanted.value;
    if (vehicle === null || from === null || to === null) {
      state.value = { kind: 'idle' };
      return;
    }
    const fault = rangeFault({ from, to });
    if (fault) {
      state.value = { kind: fault };
      return;
    }
    const own = (running = new AbortController());
    state.value = { kind: 'loading' };
    try {
      const facts = session.may('read', 'alarm') ? factsOf(vehicle, from, to, own.signal) : Promise.resolve<Facts>({ rows: [], partial: false });
      const answer = await request<TrackAnswer>(`/api/vehicles/${vehicle}/track`, {
        query: { from, to, raw: raw ? 1 : null },
        signal: own.signal,
      });
      const { rows, partial } = await facts;
      const loaded = prepare(answer, rows, partial);
      if (own.signal.aborted) return;
      state.value = loaded.track.n ? { kind: 'ready', loaded } : { kind: 'empty', answer };
    } catch (error) {
      if (isAbort(error) || own.signal.aborted) return;
      const known = error instanceof ApiError ? error : new ApiError(0, 'unreadable', String(error));
      if (known.forbidden) state.value = { kind: 'forbidden', error: known };
      else if (known.status === 404) state.value = { kind: 'missing' };
      else state.value = { kind: 'failed', error: known };
    }
  }

  watch(
    () => JSON.stringify(wanted.value),
    () => void load(),
    { immediate: true },
  );
  onBeforeUnmount(() => running?.abort());
  return { state, reload: () => void load() };
}
