import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { useLive } from '@/live/link';

/** A socket whose other end is the test. */
class FakeSocket {
  static readonly OPEN = 1;
  static made: FakeSocket[] = [];
  readyState = 0;
  binaryType = '';
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(readonly address: string) {
    FakeSocket.made.push(this);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(code = 1000): void {
    this.onclose?.({ code, reason: '' });
  }

  opens(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  says(data: unknown): void {
    this.onmessage?.({ data: typeof data === 'string' || data instanceof ArrayBuffer ? data : JSON.stringify(data) });
  }

  breaks(code = 1006, reason = ''): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

const summary = { type: 'summary', as_of: 1, total: 1, online: 1, moving: 1, stopped: 0, offline: 0, alarm: 0, in_view: 1, delay_ms: 20, per_s: 1 };
const view = { bbox: [113, 22, 114, 23] as [number, number, number, number], zoom: 11, filter: { city: null, county: null, operator: null, state: 'all' as const } };
const last = (): FakeSocket => FakeSocket.made.at(-1) as FakeSocket;

/** A snapshot or delta of one truck. */
function truck(kind: number, id: number, status = 2): ArrayBuffer {
  const buffer = new ArrayBuffer(33);
  new Uint32Array(buffer, 0, 4).set([1, kind | (1 << 8), 1000, 1]);
  new Int32Array(buffer, 16, 2).set([113_000_000, 23_000_000]);
  new Uint32Array(buffer, 24, 1)[0] = id;
  new Uint8Array(buffer, 30, 3).set([60, 45, status]);
  return buffer;
}

describe('the live connection', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('WebSocket', FakeSocket);
    vi.stubGlobal('location', { protocol: 'https:', host: 'luwei.test' });
    FakeSocket.made = [];
    setActivePinia(createPinia());
  });
  afterEach(() => {
    useLive().close();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it('is live with the first message, not with the open socket', () => {
    const live = useLive();
    live.open();
    expect(last().address).toBe('wss://luwei.test/ws/live');
    last().opens();
    expect(live.state).toBe('connecting');
    last().says(summary);
    expect(live.state).toBe('live');
    expect(live.summary?.online).toBe(1);
  });

  it('says it is lost, tries again and repeats the view', () => {
    const live = useLive();
    live.open();
    last().opens();
    last().says(summary);
    live.look(view);
    last().breaks();
    expect(live.state).toBe('lost');
    vi.advanceTimersByTime(2000);
    expect(FakeSocket.made).toHaveLength(2);
    last().opens();
    expect(JSON.parse(last().sent[0] as string)).toEqual({ type: 'view', ...view });
    last().says(summary);
    expect(live.state).toBe('live');
  });

  it('waits longer each time the server stays away', () => {
    const live = useLive();
    live.open();
    last().breaks();
    vi.advanceTimersByTime(1300);
    expect(FakeSocket.made).toHaveLength(2);
    last().opens(); // opened, but closed without a word: a full server
    last().breaks(1013, 'too_many_screens');
    vi.advanceTimersByTime(1400);
    expect(FakeSocket.made).toHaveLength(2);
    vi.advanceTimersByTime(1200);
    expect(FakeSocket.made).toHaveLength(3);
  });

  it('does not knock again where the account has no right', () => {
    const live = useLive();
    live.open();
    last().opens();
    last().breaks(4403, 'forbidden');
    expect(live.state).toBe('forbidden');
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.made).toHaveLength(1);
  });

  it('comes back at once when the scope of the account changed', () => {
    const live = useLive();
    live.open();
    last().opens();
    last().says(summary);
    last().breaks(4403, 'scope_changed');
    vi.advanceTimersByTime(1300);
    expect(FakeSocket.made).toHaveLength(2);
  });

  it('keeps the trucks of the view and forgets them when it leaves the map', () => {
    const live = useLive();
    live.open();
    last().opens();
    live.look(view);
    last().says(truck(1, 7));
    last().says(truck(2, 8));
    expect([live.mode, live.fleet.size, live.received]).toEqual(['vehicles', 2, 2]);
    last().says(truck(2, 7, 0x80));
    expect(live.fleet.has(7)).toBe(false);
    live.look(null);
    expect([live.mode, live.fleet.size]).toEqual(['none', 0]);
  });

  it('starts anew after a frame it cannot read', () => {
    const live = useLive();
    live.open();
    last().opens();
    last().says(summary);
    last().says(new ArrayBuffer(5));
    expect(live.state).toBe('lost');
    vi.advanceTimersByTime(1300);
    expect(FakeSocket.made).toHaveLength(2);
  });
});
