import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '@/api/client';
import { delayOf, Player, reasonOf } from '@/video/player';
import type { PlayerView } from '@/video/player';
import { readAccessUnit, readMessage, readTrackData } from '@/video/protocol';
import type { StatsMessage, Ticket } from '@/video/protocol';
import type { SinkEvents } from '@/video/sink';

class FakeSocket {
  static OPEN = 1;
  binaryType = '';
  readyState = 0;
  sent: unknown[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(readonly path: string) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  tell(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  carry(track: number, ...bytes: number[]): void {
    this.onmessage?.({ data: new Uint8Array([track, ...bytes]).buffer });
  }

  drop(code: number, reason = ''): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

class FakeSink {
  opened: string[] = [];
  got = 0;
  closed = false;

  constructor(readonly events: SinkEvents) {}

  open(mime: string): void {
    this.opened.push(mime);
  }

  data(bytes: ArrayBuffer): void {
    this.got += bytes.byteLength;
  }

  figures() {
    return { frames: 10, dropped: 1, width: 352, height: 288, at: 1, newest: 1.3 };
  }

  close(): void {
    this.closed = true;
  }
}

const TICKET: Ticket = {
  stream: 'live-5-1', viewer: 'v', ticket: 't', ticket_valid_until: 0, url: '/video/v?ticket=t', purpose: '', vehicle_id: 5, plate: '粤B12345',
  channel: 1, channel_zh: '驾驶员', channel_en: 'driver', quality: 'sub', traffic: { used_bytes: 0, limit_bytes: 0, warning: null }, watermark: 'li 2026-11-22 14:03',
};
const OPEN = { kind: 'open', track: 'video', container: 'fmp4', mime: 'video/mp4; codecs="avc1.42E01E"', codec: 'h264', codec_string: 'avc1.42E01E', width: 352, height: 288 };
const state = (name: string, reason = ''): unknown => ({
  kind: 'state', state: name, reason, detail: '', attempt: 1, attempts: 0, steps: [{ step: 'asked', at: 1 }, { step: 'sent', at: 2 }], answer: '', last_frame_at: null, retry: true,
  stream: 'sub', viewers: 1, at: 3,
});

let sockets: FakeSocket[];
let pictures: FakeSink[];
let sounds: FakeSink[];
let seen: PlayerView;
let answer: () => Promise<Ticket>;

function made(): Player {
  return new Player(
    { vehicle: 5, channel: 1, quality: 'sub', purpose: '巡查' },
    {
      ask: () => answer(),
      socket: (path) => {
        const socket = new FakeSocket(path);
        sockets.push(socket);
        return socket as unknown as WebSocket;
      },
      accepted: () => Promise.resolve('fmp4-h264,jpeg'),
      picture: (_, events) => pictures[pictures.push(new FakeSink(events)) - 1] as FakeSink,
      sound: (events) => sounds[sounds.push(new FakeSink(events)) - 1] as FakeSink,
      nowMs: () => Date.now(),
    },
    (view) => (seen = view),
  );
}

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
const latest = <T>(list: T[]): T => list[list.length - 1] as T;

async function playing(): Promise<Player> {
  const player = made();
  player.start();
  await settle();
  latest(sockets).open();
  latest(sockets).tell(state('waiting'));
  latest(sockets).tell(OPEN);
  latest(pictures).events.frame();
  return player;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('WebSocket', FakeSocket);
  vi.stubGlobal('document', { hidden: false });
  [sockets, pictures, sounds] = [[], [], []];
  answer = () => Promise.resolve(TICKET);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('a picture', () => {
  it('comes by ticket, socket and first frame, and says each step', async () => {
    const player = made();
    player.start();
    expect(seen.state).toBe('asking');
    await settle();
    expect(seen.state).toBe('connecting');
    expect(sockets[0]?.path).toBe('/video/v?ticket=t&accept=fmp4-h264,jpeg');
    latest(sockets).open();
    expect(seen.state).toBe('waiting');
    latest(sockets).tell(state('waiting'));
    expect(seen.steps).toEqual([{ step: 'asked', at: 1 }, { step: 'sent', at: 2 }]);
    latest(sockets).tell(OPEN);
    latest(sockets).carry(1, 7, 8, 9);
    expect(pictures[0]?.opened).toEqual([OPEN.mime]);
    expect(pictures[0]?.got).toBe(3);
    expect(seen.state).toBe('waiting');
    pictures[0]?.events.frame();
    expect(seen.state).toBe('live');
  });

  it('measures its first frame from the key frame, or from the ticket where that came before', async () => {
    vi.setSystemTime(10_000);
    const shows = async (keyAt: number): Promise<number | null> => {
      const player = made();
      player.start();
      await settle();
      latest(sockets).open();
      latest(sockets).tell({ ...(state('waiting') as object), steps: [{ step: 'key_frame', at: keyAt }] });
      latest(sockets).tell(OPEN);
      vi.setSystemTime(Date.now() + 400);
      latest(pictures).events.frame();
      return seen.firstMs;
    };
    expect(await shows(10_100)).toBe(300);
    expect(await shows(5_000)).toBe(400);
  });

  it('that the server refuses says why and is not asked for again', async () => {
    answer = () => Promise.reject(new ApiError(403, 'forbidden', 'no'));
    made().start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([seen.state, seen.reason, sockets.length]).toEqual(['ended', 'forbidden', 0]);
  });

  it('goes away at once when the right to it ends', async () => {
    await playing();
    latest(sockets).drop(4403, 'grant_ended');
    expect([seen.state, seen.reason, latest(pictures).closed]).toEqual(['ended', 'forbidden', true]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
  });

  it('keeps its last frame while a broken connection is made again', async () => {
    await playing();
    latest(sockets).drop(1006);
    expect([seen.state, latest(pictures).closed]).toEqual(['lost', false]);
    await vi.advanceTimersByTimeAsync(300);
    expect(sockets).toHaveLength(2);
    latest(sockets).open();
    latest(sockets).tell(OPEN);
    expect(pictures).toHaveLength(1);
    latest(pictures).events.frame();
    expect(seen.state).toBe('live');
  });

  it('whose server has not said a word for six seconds is connected anew, since a dead network closes nothing', async () => {
    await playing();
    for (let second = 0; second < 20; second += 2) {
      await vi.advanceTimersByTimeAsync(2_000);
      latest(sockets).tell(state('stalled', 'no_data'));
    }
    expect([seen.state, seen.reason, sockets.length]).toEqual(['stalled', 'no_data', 1]);
    await vi.advanceTimersByTimeAsync(6_500);
    expect([seen.state, seen.reason, latest(pictures).closed]).toEqual(['lost', 'network', false]);
    await vi.advanceTimersByTimeAsync(300);
    expect(sockets).toHaveLength(2);
  });

  it('is asked for again within five seconds as long as no server answers', async () => {
    await playing();
    let asked = 0;
    answer = () => {
      asked += 1;
      return Promise.reject(new ApiError(0, 'unreachable', ''));
    };
    latest(sockets).drop(1012);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toBeGreaterThanOrEqual(3);
    await vi.advanceTimersByTimeAsync(5_000);
    answer = () => Promise.resolve(TICKET);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(sockets).toHaveLength(2);
  });

  it('that ended for good tells the reason of the server', async () => {
    const player = made();
    player.start();
    await settle();
    latest(sockets).open();
    latest(sockets).tell(state('ended', 'refused'));
    expect([seen.state, seen.reason]).toEqual(['ended', 'refused']);
    player.start();
    await settle();
    expect(sockets).toHaveLength(2);
  });

  it('waits with its reason while the truck is offline', async () => {
    made().start();
    await settle();
    latest(sockets).open();
    latest(sockets).tell(state('waiting', 'offline'));
    expect([seen.state, seen.reason]).toEqual(['waiting', 'offline']);
  });

  it('is stalled when none comes for a while, and live with the next one', async () => {
    await playing();
    await vi.advanceTimersByTimeAsync(2_000);
    latest(sockets).tell({ kind: 'stats' });
    await vi.advanceTimersByTimeAsync(2_000);
    expect([seen.state, seen.reason]).toEqual(['stalled', 'no_data']);
    latest(pictures).events.frame();
    expect(seen.state).toBe('live');
    await vi.advanceTimersByTimeAsync(4_000);
    expect([seen.state, seen.reason]).toEqual(['stalled', 'network']);
  });

  it('whose media process died is live again with the next stream, not with what was left of the old one', async () => {
    await playing();
    latest(sockets).tell(state('waiting', 'node_gone'));
    latest(pictures).events.frame();
    expect([seen.state, seen.reason]).toEqual(['stalled', 'node_gone']);
    latest(sockets).tell(OPEN);
    latest(pictures).events.frame();
    expect([seen.state, seen.reason]).toEqual(['live', '']);
  });

  it('is left while nobody looks and comes back by itself', async () => {
    const player = await playing();
    const left = latest(sockets);
    player.hide();
    expect([seen.state, left.readyState]).toEqual(['paused', 3]);
    player.show();
    await settle();
    expect([seen.state, sockets.length]).toEqual(['connecting', 2]);
  });

  it('changes its quality without a new ticket', async () => {
    const player = await playing();
    player.choose('main');
    expect(latest(sockets).sent).toContainEqual({ kind: 'stream', stream: 'main' });
    expect(sockets).toHaveLength(1);
  });

  it('begins anew on another way of carrying it', async () => {
    await playing();
    latest(sockets).tell({ ...OPEN, container: 'annexb', codec_string: 'hvc1.1.6.L93.B0' });
    expect(pictures).toHaveLength(2);
    expect(pictures[0]?.closed).toBe(true);
    expect(pictures[1]?.opened).toEqual(['hvc1.1.6.L93.B0']);
  });

  it('whose data the browser cannot decode is tried once more, then says so', async () => {
    await playing();
    latest(pictures).events.failed('decode error');
    expect([seen.state, seen.reason]).toEqual(['lost', 'codec_unsupported']);
    await vi.advanceTimersByTimeAsync(1_000);
    latest(sockets).open();
    latest(sockets).tell(OPEN);
    latest(pictures).events.failed('decode error');
    expect([seen.state, seen.reason, seen.detail]).toEqual(['ended', 'codec_unsupported', 'decode error']);
  });

  it('hears nothing after it was stopped', async () => {
    const player = made();
    player.start();
    player.stop();
    await settle();
    expect([seen.state, sockets.length]).toEqual(['idle', 0]);
  });
});

describe('sound', () => {
  it('is off until somebody wants it, and says when the truck sends none', async () => {
    const player = await playing();
    latest(sockets).tell({ kind: 'open', track: 'audio', container: 'fmp4', mime: 'audio/mp4; codecs="mp4a.40.2"', source: 'g711a', sample_rate: 8000 });
    expect([sounds.length, seen.sound]).toEqual([0, 'off']);
    player.hear(true);
    expect(latest(sockets).sent).toContainEqual({ kind: 'audio', on: true });
    latest(sockets).tell({ kind: 'open', track: 'audio', container: 'fmp4', mime: 'audio/mp4; codecs="mp4a.40.2"', source: 'g711a', sample_rate: 8000 });
    latest(sockets).carry(2, 1, 2);
    expect([sounds[0]?.got, seen.sound]).toEqual([2, 'on']);
    player.hear(false);
    expect([sounds[0]?.closed, seen.sound]).toEqual([true, 'off']);
    player.hear(true);
    latest(sockets).tell({ kind: 'audio', state: 'none', source: '' });
    expect(seen.sound).toBe('none');
  });
});

describe('messages', () => {
  it('of unknown kinds are passed over', () => {
    expect(readMessage('{"kind":"weather"}')).toBeNull();
    expect(readMessage('null')).toBeNull();
    expect(() => readMessage('{')).toThrow();
  });

  it('carry their track in the first octet', () => {
    const { track, payload } = readTrackData(new Uint8Array([2, 5, 6]).buffer);
    expect([track, ...new Uint8Array(payload)]).toEqual([2, 5, 6]);
    expect(readTrackData(new ArrayBuffer(0)).track).toBe(0);
  });

  it('of access units name key frame and time', () => {
    const unit = readAccessUnit(new Uint8Array([1, 0, 0, 0, 1, 0, 0, 0, 2, 0x40, 1]).buffer);
    expect([unit?.keyFrame, unit?.atUs, unit?.data.length]).toEqual([true, 2 ** 32 + 2, 2]);
    expect(readAccessUnit(new ArrayBuffer(9))).toBeNull();
  });
});

describe('the delay', () => {
  const figures = { frames: 1, dropped: 0, width: 1, height: 1, at: 9.8, newest: 10 };
  const stats = { kind: 'stats', newest_ms: 10_000, received_at: 500_000 } as StatsMessage;

  it('is the age of what is on the screen', () => {
    // the newest picture is 150 ms old, and 200 ms of pictures come before it
    expect(delayOf(figures, stats, 500_150)).toBe(350);
  });

  it('is the distance behind the newest data where the server says nothing', () => {
    expect(delayOf(figures, null, 500_150)).toBe(200);
    expect(delayOf({ ...figures, at: null }, null, 500_150)).toBeNull();
  });
});

describe('a refusal', () => {
  it.each([
    [0, 'unreachable', null, 'unreachable'],
    [401, 'login_required', null, 'session_ended'],
    [403, 'reason_required', 'video', 'reason_required'],
    [403, 'forbidden', 'video', 'forbidden'],
    [404, 'there is no such vehicle', 'id', 'no_vehicle'],
    [429, 'user_streams', 'quota', 'quota'],
    [503, 'no_node', 'media', 'no_node'],
    [400, 'must be given', 'purpose', 'purpose_required'],
    [400, 'must have a terminal', 'vehicle_id', 'no_terminal'],
    [400, 'must be from 1 to 64', 'channel', 'refused_request'],
  ])('%i %s is %s', (status, rule, field, code) => {
    expect(reasonOf(new ApiError(status, rule, '', field))).toBe(code);
  });
});
