/** The live tail of one trace: a bounded list, kept while paused, connected again when the line breaks. */
import { onBeforeUnmount, ref, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';

import { retryDelayS } from '@/live/summary';

import type { TracedFrame, TraceState } from './answers';

export const SHOWN_MAX = 1_000;

export type Show = 'all' | 'up' | 'down' | 'odd';

export interface TailLists {
  /** Oldest first. */
  frames: readonly TracedFrame[];
  skipped: number;
}

/** What was shown with what came; at most `most` of the newest. */
export function joined(before: TailLists, items: readonly TracedFrame[], skipped: number, most = SHOWN_MAX): TailLists {
  const last = before.frames[before.frames.length - 1]?.seq ?? 0;
  const fresh = items.filter((frame) => frame.seq > last);
  return { frames: [...before.frames, ...fresh].slice(-most), skipped: before.skipped + skipped };
}

/** The same list with the frames whose fate was told later. */
export function changed(before: TailLists, items: readonly TracedFrame[]): TailLists {
  const later = new Map(items.map((frame) => [frame.seq, frame]));
  return { ...before, frames: before.frames.map((frame) => later.get(frame.seq) ?? frame) };
}

/** Frames that match: `text` is part of the message id (0x0200, 0200) or of the bytes. */
export function matching(frames: readonly TracedFrame[], show: Show, text: string): TracedFrame[] {
  const wanted = text.trim().toLowerCase().replace(/^0x/, '').replace(/\s/g, '');
  return frames.filter((frame) => {
    if (show === 'up' || show === 'down' ? frame.way !== show : show === 'odd' && !isOdd(frame)) return false;
    if (!wanted) return true;
    const id = frame.message_id === null ? '' : frame.message_id.toString(16).padStart(4, '0');
    return id.includes(wanted) || (wanted.length >= 2 && frame.hex.includes(wanted));
  });
}

export function isOdd(frame: TracedFrame): boolean {
  return frame.outcome === 'refused' || frame.outcome === 'noted' || (frame.result !== null && frame.result !== 0);
}

const EMPTY: TailLists = { frames: [], skipped: 0 };

export function useTail(vehicle: Ref<number | null>): {
  trace: Ref<TraceState | null>;
  lists: Ref<TailLists>;
  lost: Ref<boolean>;
  /** The server does not let this account in, or no more. */
  refused: Ref<boolean>;
  /** What stood there when it was paused; null: it is not. */
  frozen: Ref<TailLists | null>;
} {
  const trace = shallowRef<TraceState | null>(null);
  const lists = shallowRef<TailLists>(EMPTY);
  const lost = ref(false);
  const refused = ref(false);
  const frozen = shallowRef<TailLists | null>(null);
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let attempt = 0;

  function close(): void {
    clearTimeout(timer);
    const open = socket;
    socket = null;
    open?.close();
  }

  function connect(id: number): void {
    const address = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws/trace/${id}`;
    const opened = (socket = new WebSocket(address));
    opened.onmessage = (event: MessageEvent<string>) => {
      attempt = 0;
      lost.value = false;
      const message = JSON.parse(event.data) as
        | { type: 'trace'; trace: TraceState | null }
        | { type: 'frames'; skipped: number; items: TracedFrame[] }
        | { type: 'changed'; items: TracedFrame[] };
      if (message.type === 'trace') {
        if (message.trace?.started_at !== trace.value?.started_at) lists.value = EMPTY;
        trace.value = message.trace;
      } else if (message.type === 'frames') lists.value = joined(lists.value, message.items, message.skipped);
      else lists.value = changed(lists.value, message.items);
    };
    opened.onclose = (event) => {
      if (socket !== opened) return;
      socket = null;
      if (event.code === 4403 || event.code === 4404) {
        refused.value = true;
        return;
      }
      lost.value = true;
      attempt += 1;
      // The server sends what it keeps again; what is already here is left out by its number.
      timer = setTimeout(() => connect(id), retryDelayS(attempt, Math.random()) * 1000);
    };
  }

  watch(
    vehicle,
    (id) => {
      close();
      trace.value = null;
      lists.value = EMPTY;
      lost.value = false;
      refused.value = false;
      frozen.value = null;
      attempt = 0;
      if (id !== null) connect(id);
    },
    { immediate: true },
  );
  onBeforeUnmount(close);
  return { trace, lists, lost, refused, frozen };
}
