import { beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '@/api/client';
import { faultOf, missing, MicrophoneError } from '@/sound/microphone';
import type { Block, Heard } from '@/sound/worklets';
import { readTalkMessage } from '@/talk/protocol';
import type { TalkTicket } from '@/talk/protocol';
import { delaysOf, NEXT, PHASES, Talk } from '@/talk/talk';
import type { TalkPorts, TalkView } from '@/talk/talk';

vi.mock('@/sound/capture.worklet?worker&url', () => ({ default: '' }));

class FakeSocket {
  static OPEN = 1;
  binaryType = '';
  readyState = 1;
  sent: unknown[] = [];
  closed = false;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(readonly path: string) {}

  send(what: string | ArrayBuffer): void {
    this.sent.push(typeof what === 'string' ? JSON.parse(what) : what.byteLength);
  }

  close(): void {
    this.closed = true;
    this.readyState = 3;
  }

  tell(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

const TRUCK = { vehicle_id: 5, plate: '粤B12345', plate_color: 2, channel: 1, state: 'waiting', reason: '', detail: '' } as const;
const TICKET: TalkTicket = { talk: 'talk-1', kind: 'talk', ticket: 't', ticket_valid_until: 0, url: '/ws/video/talk?ticket=t', rate: 8_000, purpose: '核实', max_s: 600, trucks: [TRUCK] };
const OPEN = { kind: 'open', talk: 'talk-1', talk_kind: 'talk', rate: 8_000, speak: true, hear: true, purpose: '核实', max_s: 600, grant: null, started_at: 1, watermark: '' };
const state = (name: string, reason = '', detail = ''): object => ({ kind: 'state', state: name, reason, detail, trucks: [{ ...TRUCK, state: name }], at: 2 });
const HEARD: Heard = { loudness: 0.2, waitingMs: 90, skippedMs: 0, gaps: 0 };

function made(answers: { microphone?: () => Promise<void>; ask?: TalkPorts['ask'] } = {}) {
  const sockets: FakeSocket[] = [];
  const given = { asked: 0, back: 0, microphones: 0, speakers: 0, played: [] as number[] };
  let block: (block: Block) => void = () => undefined;
  let lost: () => void = () => undefined;
  let heard: (figures: Heard) => void = () => undefined;
  const views: TalkView[] = [];
  const talk = new Talk(
    {
      ask: answers.ask ?? (() => Promise.resolve(TICKET)),
      socket: (path) => {
        const socket = new FakeSocket(path);
        sockets.push(socket);
        return socket as unknown as WebSocket;
      },
      ears: () => ({
        ask: () => {
          given.asked += 1;
          return answers.microphone?.() ?? Promise.resolve();
        },
        listen: (rate, length, took, gone) => {
          expect([rate, length]).toEqual([8_000, 160]);
          given.microphones += 1;
          [block, lost] = [took, gone];
          return Promise.resolve({ close: () => (given.microphones -= 1) });
        },
        speaker: (_, told) => {
          given.speakers += 1;
          heard = told;
          return Promise.resolve({ play: (pcm) => given.played.push(pcm.byteLength), close: () => (given.speakers -= 1) });
        },
        close: () => (given.back += 1),
      }),
      nowMs: () => 1_000,
    },
    (view) => views.push(view),
  );
  const say = (): void => block({ pcm: new ArrayBuffer(320), loudness: 0.1 });
  return { talk, sockets, given, say, unplug: () => lost(), hear: (figures: Heard) => heard(figures), socket: () => sockets.at(-1)!, views };
}

async function standing(answers: Parameters<typeof made>[0] = {}) {
  const all = made(answers);
  await all.talk.begin({ kind: 'talk', vehicles: [5] });
  all.socket().tell(OPEN);
  await new Promise((settle) => setTimeout(settle));
  all.socket().tell(state('live'));
  return all;
}

describe('a talk', () => {
  beforeEach(() => vi.stubGlobal('WebSocket', FakeSocket));

  it('asks for the microphone, then the server, then stands; and answers every ping at once', async () => {
    const { talk, socket, given, views } = await standing();
    expect([...new Set(views.map((view) => view.phase))]).toEqual(['idle', 'microphone', 'asking', 'calling', 'live']);
    expect([talk.view.liveAt, given.microphones, given.speakers]).toEqual([1_000, 1, 1]);
    socket().tell({ kind: 'ping', at: 77 });
    expect(socket().sent).toEqual([{ kind: 'pong', at: 77 }]);
  });

  it('sends sound only while somebody speaks, and shows the level all the time', async () => {
    const { talk, socket, say } = await standing();
    say();
    expect([socket().sent, talk.view.mine]).toEqual([[], 0.1]);
    talk.speak(true);
    say();
    say();
    talk.speak(false);
    say();
    expect(socket().sent).toEqual([320, 320]);
  });

  it('speaks as soon as it stands where the button was held all the time', async () => {
    const { talk, socket, say } = made();
    const beginning = talk.begin({ kind: 'talk', vehicles: [5] });
    talk.speak(true);
    expect(talk.view.speaking).toBe(false);
    await beginning;
    socket().tell(OPEN);
    await new Promise((settle) => setTimeout(settle));
    say();
    expect([talk.view.speaking, socket().sent]).toEqual([true, [320]]);
  });

  it('plays what comes, and says how long a word takes', async () => {
    const { talk, socket, hear, given } = await standing();
    socket().onmessage?.({ data: new ArrayBuffer(640) });
    hear(HEARD);
    socket().tell({ kind: 'stats', at: 3, rtt_ms: 12, line_ms: 40, up: {}, down: {}, delay_up_ms: 130, delay_down_ms: 60, codec: 'g711a', trucks_live: 1 });
    expect([given.played, talk.view.theirs, delaysOf(talk.view)]).toEqual([[640], 0.2, { up: 150, down: 150 }]);
    expect(delaysOf({ stats: null, heard: null })).toEqual({ up: null, down: null });
  });

  it('gives everything back when it is hung up, and hears nothing more', async () => {
    const { talk, socket, given, say } = await standing();
    talk.speak(true);
    talk.hangUp();
    say();
    expect(given).toMatchObject({ back: 1, microphones: 0, speakers: 0 });
    expect([socket().closed, socket().sent, talk.view.phase, talk.view.reason]).toEqual([true, [], 'ended', 'hung_up']);
    talk.hangUp();
    talk.forget();
    expect([talk.view.phase, talk.view.trucks]).toEqual(['idle', []]);
  });

  it.each([['insecure'], ['refused'], ['absent'], ['taken']] as const)('calls nobody where the microphone is %s', async (fault) => {
    const { talk, sockets } = made({ microphone: () => Promise.reject(new MicrophoneError(fault)) });
    await talk.begin({ kind: 'talk', vehicles: [5] });
    expect([talk.view.phase, talk.view.reason, sockets]).toEqual(['ended', `microphone_${fault}`, []]);
  });

  it('needs no microphone to listen', async () => {
    const { talk, socket, given } = made({ microphone: () => Promise.reject(new MicrophoneError('absent')) });
    await talk.begin({ kind: 'listen', vehicles: [5] });
    socket().tell({ ...OPEN, talk_kind: 'listen', speak: false });
    await new Promise((settle) => setTimeout(settle));
    expect([given.asked, given.microphones, given.speakers]).toEqual([0, 0, 1]);
  });

  it('ends when the microphone is pulled out', async () => {
    const { talk, unplug, given } = await standing();
    unplug();
    expect([talk.view.reason, given.back]).toEqual(['microphone_lost', 1]);
  });

  it.each([
    [new ApiError(409, 'busy', '', 'vehicle_id', { noun: 'talk', id: 5, label: '企业值班' }), 'busy', '企业值班'],
    [new ApiError(403, 'reason_required', '', 'listen'), 'reason_required', ''],
    [new ApiError(403, 'forbidden', ''), 'forbidden', ''],
    [new ApiError(429, 'user_talks', '', 'quota'), 'quota', 'user_talks'],
    [new ApiError(400, 'must have a terminal', '', 'vehicle_id'), 'no_terminal', ''],
    [new ApiError(400, 'purpose_required', '', 'purpose'), 'purpose_required', ''],
    [new ApiError(0, 'unreachable', ''), 'unreachable', ''],
  ])('says why the server refused: %o', async (error, reason, detail) => {
    const { talk, given } = made({ ask: () => Promise.reject(error) });
    await talk.begin({ kind: 'talk', vehicles: [5] });
    expect([talk.view.phase, talk.view.reason, talk.view.detail, given.back]).toEqual(['ended', reason, detail, 1]);
  });

  it('keeps the reason of the last state, and reads a close without one by its code', async () => {
    const first = await standing();
    first.socket().tell(state('ended', 'audio_unsupported', 'g728'));
    expect([first.talk.view.reason, first.talk.view.detail]).toEqual(['audio_unsupported', 'g728']);
    const second = await standing();
    second.socket().onclose?.({ code: 4401, reason: '' });
    expect(second.talk.view.reason).toBe('session_ended');
  });

  it('goes back to calling when the truck is lost, and comes back', async () => {
    const { talk, socket } = await standing();
    socket().tell(state('waiting', 'lost'));
    expect(talk.view.phase).toBe('calling');
    socket().tell(state('live'));
    socket().tell(state('stalled'));
    expect(talk.view.phase).toBe('live');
  });

  it('begins nothing after it was forgotten while the person was asked for the microphone', async () => {
    let give: () => void = () => undefined;
    const { talk, sockets, given } = made({ microphone: () => new Promise((settle) => (give = settle)) });
    const beginning = talk.begin({ kind: 'talk', vehicles: [5] });
    talk.forget();
    give();
    await beginning;
    expect([talk.view.phase, sockets, given.back]).toEqual(['idle', [], 1]);
  });

  it('can be begun and left from every phase that shows something', () => {
    for (const phase of PHASES.slice(1)) expect(NEXT[phase].forget).toBe('idle');
    expect(readTalkMessage('{"kind":"later"}')).toBeNull();
    expect(() => readTalkMessage('{')).toThrow(SyntaxError);
  });
});

describe('a microphone', () => {
  it('is missing where the page is not secure or the browser too old', () => {
    const full = { isSecureContext: true, navigator: { mediaDevices: {} }, AudioWorkletNode: class {} };
    expect(missing(full)).toBeNull();
    expect(missing({ ...full, isSecureContext: false })).toBe('insecure');
    expect(missing({ ...full, navigator: {} })).toBe('unsupported');
    expect(missing({ ...full, AudioWorkletNode: undefined })).toBe('unsupported');
  });

  it.each([['NotAllowedError', 'refused'], ['NotFoundError', 'absent'], ['NotReadableError', 'taken'], ['TypeError', 'failed']])('%s means %s', (name, fault) => {
    expect(faultOf(Object.assign(new Error(''), { name }))).toBe(fault);
  });
});
