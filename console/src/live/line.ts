/** A WebSocket that reconnects for ever with a visible state; what is said over it belongs to its users. */
import { ref } from 'vue';
import type { Ref } from 'vue';

import { request } from '@/api/client';

import { retryDelayS } from './summary';

export type LinkState = 'idle' | 'connecting' | 'live' | 'lost' | 'forbidden';

/** Close code of the server: this account may not see this. */
const FORBIDDEN = 4403;
/** And this one: the login is over. */
const SESSION_ENDED = 4401;

export interface Hearing {
  /** After each connect: what the server must be told. */
  opened: () => void;
  /** What came. When it throws, the connection is made anew: the server then says everything again. */
  heard: (data: ArrayBuffer | string) => void;
  /** Closed for good, or refused: what was heard holds no more. */
  forget: () => void;
}

export interface Line {
  state: Ref<LinkState>;
  /** When the next attempt begins, Unix ms. */
  retryAt: Ref<number>;
  open: () => void;
  close: () => void;
  retry: () => void;
  /** Nothing is kept for later: `opened` is the place for what must arrive. */
  send: (message: object) => void;
}

export function makeLine(path: string, hearing: Hearing): Line {
  const state = ref<LinkState>('idle');
  const retryAt = ref(0);
  let socket: WebSocket | null = null;
  let attempt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wanted = false;

  function send(message: object): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  }

  function connect(): void {
    clearTimeout(timer);
    state.value = attempt === 0 ? 'connecting' : state.value;
    const opened = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`);
    socket = opened;
    opened.binaryType = 'arraybuffer';
    opened.onopen = () => hearing.opened();
    opened.onmessage = (event: MessageEvent<ArrayBuffer | string>) => {
      state.value = 'live'; // only now: a refused login or a full server also opens the socket before it says no
      attempt = 0;
      try {
        hearing.heard(event.data);
      } catch {
        opened.close(4000, 'unreadable');
      }
    };
    opened.onclose = (event) => {
      if (socket !== opened) return;
      socket = null;
      if (!wanted) return;
      if (event.code === FORBIDDEN && event.reason !== 'scope_changed') {
        state.value = 'forbidden';
        hearing.forget();
        return;
      }
      // The login has ended: a request says why and leads to the login page.
      if (event.code === SESSION_ENDED) void request('/api/me').catch(() => undefined);
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
    connect();
  }

  function close(): void {
    wanted = false;
    clearTimeout(timer);
    socket?.close();
    socket = null;
    state.value = 'idle';
    hearing.forget();
  }

  function retry(): void {
    if (state.value === 'lost') connect();
  }

  return { state, retryAt, open, close, retry, send };
}
