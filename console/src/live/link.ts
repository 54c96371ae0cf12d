/**
 * The live connection, one for the whole console: it reconnects for ever with a visible state, repeats the last view after each
 * reconnect, and keeps the trucks or cells of the view. Pages without a map leave the view idle and still see the data delay.
 */
import { defineStore } from 'pinia';
import { computed, markRaw, ref, shallowRef } from 'vue';

import type { AlarmRow } from '@/api/alarms';

import { FleetView } from './fleet';
import { type CellFrame, decodeFrame } from './frame';
import { makeLine } from './line';
import { lateness, type NewAlarms, readText, type Summary, type View } from './summary';

export type { LinkState } from './line';

/** Alarms that are kept for whoever shows the latest. */
const ALARMS_KEPT = 100;

/** A point in the open sea: nothing matches, only summaries come. */
const IDLE: View = {
  bbox: [110, 10, 110.001, 10.001],
  zoom: 12,
  filter: { city: null, county: null, operator: null, state: 'all' },
};

export const useLive = defineStore('live', () => {
  const summary = ref<Summary | null>(null);
  const heardAt = ref(0);
  const now = ref(Date.now());
  /** Counts received frames: watch it instead of the arrays. */
  const received = ref(0);
  const cells = shallowRef<CellFrame | null>(null);
  const mode = ref<'none' | 'vehicles' | 'cells'>('none');
  const viewError = ref('');
  /** The latest alarms of the view's filter, newest first. */
  const alarms = shallowRef<AlarmRow[]>([]);
  const fleet = markRaw(new FleetView()); // plain arrays: no reactive proxy around 20,000 rows

  let ticker: ReturnType<typeof setInterval> | undefined;
  let view: View = IDLE;

  const line = makeLine('/ws/live', { opened, heard, forget: ended });
  const { state, retryAt } = line;
  const retryInS = computed(() => Math.max(0, Math.ceil((retryAt.value - now.value) / 1000)));
  const lateMs = computed(() => lateness(summary.value, heardAt.value, now.value));

  function opened(): void {
    heardAt.value = Date.now();
    send();
  }

  function send(): void {
    line.send({ type: 'view', ...view });
  }

  function heard(data: ArrayBuffer | string): void {
    heardAt.value = now.value = Date.now();
    if (typeof data === 'string') {
      const text = readText(data);
      if (text?.type === 'summary') summary.value = text;
      else if (text?.type === 'alarms') take(text);
      else if (text?.type === 'error') viewError.value = `${text.field}: ${text.rule}`;
      return;
    }
    const frame = decodeFrame(data);
    if (frame.kind === 'cells') {
      cells.value = frame;
      fleet.clear();
      mode.value = 'cells';
    } else {
      fleet.apply(frame);
      cells.value = null;
      mode.value = 'vehicles';
    }
    viewError.value = '';
    received.value += 1;
  }

  function take(news: NewAlarms): void {
    const fresh = new Set(news.items.map((row) => row.id));
    alarms.value = [...news.items, ...(news.first ? [] : alarms.value.filter((row) => !fresh.has(row.id)))].slice(0, ALARMS_KEPT);
  }

  function open(): void {
    if (ticker !== undefined) return;
    ticker = setInterval(() => (now.value = Date.now()), 1000);
    line.open();
  }

  function close(): void {
    clearInterval(ticker);
    ticker = undefined;
    line.close();
    summary.value = null;
  }

  function forget(): void {
    fleet.clear();
    cells.value = null;
    mode.value = 'none';
    received.value += 1;
  }

  function ended(): void {
    alarms.value = [];
    forget();
  }

  /** What the map shows; null when no map is on the screen. */
  function look(next: View | null): void {
    view = next ?? IDLE;
    if (!next) forget();
    send();
  }

  return { state, summary, heardAt, retryInS, lateMs, received, cells, mode, viewError, alarms, fleet, now, open, close, look, retry: line.retry };
});
