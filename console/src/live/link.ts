/**
 * The live connection, one for the whole console: it reconnects for ever with a visible state, repeats the last view after each
 * reconnect, and keeps the trucks or cells of the view. Pages without a map leave the view idle and still see the data delay.
 */
import { defineStore } from 'pinia';
import { computed, markRaw, ref, shallowRef } from 'vue';

import { FleetView } from './fleet';
import { type CellFrame, decodeFrame } from './frame';
import { lateness, readText, retryDelayS, type Summary, type View } from './summary';

export type LinkState = 'idle' | 'connecting' | 'live' | 'lost' | 'forbidden';

/** Close code of the server: this account may not see positions. */
const FORBIDDEN = 4403;

/** A point in the open sea: nothing matches, only summaries come. */
const IDLE: View = {
  bbox: [110, 10, 110.001, 10.001],
  zoom: 12,
  filter: { city: null, county: null, operator: null, state: 'all' },
};

export const useLive = defineStore('live', () => {
  const state = ref<LinkState>('idle');
  const summary = ref<Summary | null>(null);
  const heardAt = ref(0);
  const retryAt = ref(0);
  const now = ref(Date.now());
  /** Counts received frames: watch it instead of the arrays. */
  const received = ref(0);
  const cells = shallowRef<CellFrame | null>(null);
  const mode = ref<'none' | 'vehicles' | 'cells'>('none');
  const viewError = ref('');
  const fleet = markRaw(new FleetView()); // plain arrays: no reactive proxy around 20,000 rows

  let socket: WebSocket | null = null;
  let attempt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ticker: ReturnType<typeof setInterval> | undefined;
  let view: View = IDLE;
  let wanted = false;

  const retryInS = computed(() => Math.max(0, Math.ceil((retryAt.value - now.value) / 1000)));
  const lateMs = computed(() => lateness(summary.value, heardAt.value, now.value));

  function send(): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'view', ...view }));
  }

  function message(event: MessageEvent<ArrayBuffer | string>): void {
    heardAt.value = now.value = Date.now();
    state.value = 'live'; // only now: a refused login or a full server also opens the socket before it says no
    attempt = 0;
    if (typeof event.data === 'string') {
      const text = readText(event.data);
      if (text?.type === 'summary') summary.value = text;
      else if (text?.type === 'error') viewError.value = `${text.field}: ${text.rule}`;
      return;
    }
    const frame = decodeFrame(event.data);
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

  function connect(): void {
    clearTimeout(timer);
    state.value = attempt === 0 ? 'connecting' : state.value;
    const address = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws/live`;
    const opened = new WebSocket(address);
    socket = opened;
    opened.binaryType = 'arraybuffer';
    opened.onopen = () => {
      heardAt.value = Date.now();
      send();
    };
    opened.onmessage = (event) => {
      try {
        message(event);
      } catch {
        opened.close(4000, 'unreadable frame'); // a fresh snapshot follows the reconnect
      }
    };
    opened.onclose = (event) => {
      if (socket !== opened) return;
      socket = null;
      if (!wanted) return;
      if (event.code === FORBIDDEN && event.reason !== 'scope_changed') {
        state.value = 'forbidden';
        forget();
        return;
      }
      attempt += 1;
      state.value = 'lost';
      const delay = retryDelayS(attempt, Math.random()) * 1000;
      retryAt.value = Date.now() + delay;
      timer = setTimeout(connect, delay);
    };
  }

  function open(): void {
    if (wanted) return;
    wanted = true;
    attempt = 0;
    ticker = setInterval(() => (now.value = Date.now()), 1000);
    connect();
  }

  function close(): void {
    wanted = false;
    clearTimeout(timer);
    clearInterval(ticker);
    socket?.close();
    socket = null;
    state.value = 'idle';
    summary.value = null;
    forget();
  }

  function forget(): void {
    fleet.clear();
    cells.value = null;
    mode.value = 'none';
    received.value += 1;
  }

  /** What the map shows; null when no map is on the screen. */
  function look(next: View | null): void {
    view = next ?? IDLE;
    if (!next) forget();
    send();
  }

  function retry(): void {
    if (state.value === 'lost') connect();
  }

  return { state, summary, heardAt, retryInS, lateMs, received, cells, mode, viewError, fleet, now, open, close, look, retry };
});
