/**
 * One live picture: asks for a ticket, opens the socket, hands what comes to a sink, and keeps going. What it may do next stands in
 * `states.ts`; here is what each step does. It knows no page: all it needs comes in through its ports.
 */
import { ApiError, isAbort } from '@/api/client';

import { CLOSED, PASSING, readMessage, readTrackData, AUDIO_TRACK, VIDEO_TRACK } from './protocol';
import type { ClientMessage, Container, OpenVideo, Playback, Quality, ServerMessage, StateMessage, StatsMessage, SteerAct, StepDone, StreamRequest, Ticket } from './protocol';
import { RateWindow } from './rates';
import type { Rates } from './rates';
import type { Sink, SinkEvents, SinkFigures } from './sink';
import { after, retryDelayMs } from './states';
import type { Event, State } from './states';

/** What a picture needs of the world around it. */
export interface Ports {
  ask: (request: StreamRequest, signal: AbortSignal) => Promise<Ticket>;
  socket: (path: string) => WebSocket;
  accepted: () => Promise<string>;
  picture: (container: Container, events: SinkEvents) => Sink;
  sound: (events: SinkEvents) => Sink;
  /** The server's clock, UTC ms. */
  nowMs: () => number;
}

export type SoundState = 'off' | 'wanted' | 'on' | 'none' | 'unsupported';

export interface PlayerView {
  state: State;
  /** Why there is no picture, as a code of the server; empty while there is nothing to say. */
  reason: string;
  /** More about it, as the server says it. */
  detail: string;
  steps: readonly StepDone[];
  /** How often the terminal was asked, and what it answered. */
  tries: number;
  answer: string;
  /** When the next try comes. */
  retryAt: number;
  quality: Quality;
  viewers: number;
  /** The channel is being recorded into the evidence, by whomever. */
  recording: boolean;
  ticket: Ticket | null;
  video: OpenVideo | null;
  sound: SoundState;
  stats: StatsMessage | null;
  /** How a recording is played; null for a live picture. */
  playback: Playback | null;
  rates: Rates | null;
  figures: SinkFigures | null;
  /** How old what is on the screen is: since its last packet came in. */
  delayMs: number | null;
  /** When a picture last reached the screen. */
  frameAt: number | null;
  /** How long the first picture took (ms), from the key frame on, or from the wish where that was there already. */
  firstMs: number | null;
}

const BEGINNING: PlayerView = {
  state: 'idle', reason: '', detail: '', steps: [], tries: 0, answer: '', retryAt: 0, quality: 'sub', viewers: 0, recording: false, ticket: null,
  video: null, sound: 'off', stats: null, playback: null, rates: null, figures: null, delayMs: null, frameAt: null,
  firstMs: null,
};

/** No new picture for so long is no live picture any more. */
const QUIET_MS = 2_500;
const WATCH_MS = 500;
/** The server says something each two seconds: behind so many watches without a word the line is dead, whatever the browser believes. */
const SILENT_WATCHES = 12;
/** And behind so many a picture that stays away is the line's fault, not the terminal's. */
const LATE_WATCHES = 5;
const FIGURES_MS = 1_000;

/** What a refused request for a ticket means: a code of `reasons.ts`. */
export function reasonOf(error: ApiError): string {
  if (error.unreachable) return 'unreachable';
  if (error.status === 401) return 'session_ended';
  if (error.status === 403) return error.rule === 'reason_required' || error.rule === 'not_held' ? error.rule : 'forbidden';
  if (error.status === 404) return 'no_vehicle';
  if (error.status === 409 && error.rule === 'busy') return 'busy';
  if (error.status === 429) return 'quota';
  if (error.status === 503) return error.rule === 'no_node' ? 'no_node' : 'unreachable';
  if (error.field === 'purpose') return 'purpose_required';
  return error.field === 'vehicle_id' ? 'no_terminal' : 'refused_request';
}

/**
 * The age of the picture on the screen (ms): how far it stands behind the newest picture that the server named, and how old that one is.
 * Without the server's word it is the distance behind what the browser has.
 */
export function delayOf(figures: SinkFigures, stats: StatsMessage | null, nowMs: number): number | null {
  const { at, newest } = figures;
  if (at === null || newest === null) return null;
  if (!stats || stats.newest_ms === null || stats.received_at === null) return Math.max(0, Math.round((newest - at) * 1000));
  return Math.max(0, Math.round(nowMs - (stats.received_at + at * 1000 - stats.newest_ms)));
}

export class Player {
  view: PlayerView = BEGINNING;
  private request: StreamRequest;
  private socket: WebSocket | null = null;
  private flight: AbortController | null = null;
  private picture: Sink | null = null;
  private container: Container | null = null;
  private loud: Sink | null = null;
  private attempt = 0;
  private bytes = 0;
  private window = new RateWindow();
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watcher: ReturnType<typeof setInterval> | undefined;
  private figuredAt = 0;
  private askedAt = 0;
  /** Watches since the last word of the server. */
  private silent = 0;
  /** The stream begins anew: what is still shown of the old one makes no live picture. */
  private renewing = false;

  constructor(
    request: StreamRequest,
    private readonly ports: Ports,
    private readonly changed: (view: PlayerView) => void,
  ) {
    this.request = request;
    this.view = { ...BEGINNING, quality: request.quality };
  }

  start(): void {
    if (this.go('start')) void this.ask();
  }

  /** Nobody wants it any more; the picture goes away. */
  stop(): void {
    this.leave();
    this.blank();
    this.go('stop');
  }

  /** Nobody has looked for a while: the stream is left, the last picture stays. */
  hide(): void {
    if (!this.go('hide')) return;
    this.leave();
  }

  show(): void {
    if (!this.go('show')) return;
    void this.ask();
  }

  choose(quality: Quality): void {
    if (this.request.quality === quality) return;
    this.request = { ...this.request, quality };
    this.put({ quality });
    this.send({ kind: 'stream', stream: quality });
  }

  hear(on: boolean): void {
    const wanted = this.view.sound !== 'off';
    if (wanted === on) return;
    this.put({ sound: on ? 'wanted' : 'off' });
    if (!on) this.hush();
    this.send({ kind: 'audio', on });
  }

  /** Plays a recording on in another way, or from another place (UTC ms). */
  steer(act: SteerAct, speed = 1, at = 0): void {
    this.send({ kind: 'steer', act, speed, at });
  }

  private go(event: Event, told: Partial<PlayerView> = {}): boolean {
    const state = after(this.view.state, event);
    if (state === null) return false;
    this.put({ ...told, state });
    return true;
  }

  private put(told: Partial<PlayerView>): void {
    this.view = { ...this.view, ...told };
    this.changed(this.view);
  }

  private send(message: ClientMessage): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private async ask(): Promise<void> {
    this.leave();
    const mine = (this.flight = new AbortController());
    this.put({ reason: '', detail: '', tries: 0, answer: '', recording: false, steps: [{ step: 'asked', at: this.ports.nowMs() }] });
    const { request } = this;
    try {
      const [ticket, accepted] = await Promise.all([this.ports.ask(request, mine.signal), this.ports.accepted()]);
      if (mine.signal.aborted) return;
      this.askedAt = this.ports.nowMs();
      if (this.go('ticket', { ticket })) this.connect(ticket, accepted, request.quality);
    } catch (failure) {
      if (isAbort(failure) || mine.signal.aborted) return;
      const error = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
      this.end(reasonOf(error), `${error.rule === 'unknown' ? '' : error.rule}`);
    }
  }

  private connect(ticket: Ticket, accepted: string, asked: Quality): void {
    const loud = this.view.sound !== 'off';
    const opened = this.ports.socket(`${ticket.url}&accept=${accepted}${loud ? '&audio=1' : ''}`);
    this.socket = opened;
    opened.binaryType = 'arraybuffer';
    this.silent = 0;
    opened.onopen = () => {
      this.silent = 0;
      this.go('opened');
      // what was chosen while the socket was opening
      if (this.request.quality !== asked) this.send({ kind: 'stream', stream: this.request.quality });
      if ((this.view.sound !== 'off') !== loud) this.send({ kind: 'audio', on: !loud });
    };
    opened.onmessage = (event: MessageEvent<ArrayBuffer | string>) => {
      if (this.socket !== opened) return;
      this.silent = 0;
      if (typeof event.data === 'string') this.told(event.data);
      else this.carried(event.data);
    };
    opened.onclose = (event) => {
      if (this.socket !== opened) return;
      const known = CLOSED[event.code];
      this.end(known?.reason ?? 'network', event.reason || '', known?.final ?? false);
    };
    this.watcher = setInterval(() => this.watch(), WATCH_MS);
  }

  private told(text: string): void {
    let message: ServerMessage | null;
    try {
      message = readMessage(text);
    } catch {
      message = null;
    }
    if (!message) return;
    if (message.kind === 'state') this.tellState(message);
    else if (message.kind === 'stats') this.put({ stats: message, playback: message.playback ?? null });
    else if (message.kind === 'audio') this.put({ sound: this.view.sound === 'off' ? 'off' : message.state });
    else if (message.kind === 'open') {
      if (message.track === 'video') this.openPicture(message);
      else if (this.view.sound !== 'off') {
        this.loud ??= this.ports.sound({ frame: () => undefined, failed: () => this.put({ sound: 'unsupported' }) });
        this.put({ sound: 'on' });
        this.loud.open(message.mime);
      }
    }
  }

  private tellState(message: StateMessage): void {
    const { steps, viewers, answer, reason, detail } = message;
    if (message.playback) this.put({ playback: message.playback });
    const told = { steps, viewers, answer, reason, detail, tries: message.attempt, quality: message.stream, recording: message.recording ?? false };
    if (message.state === 'ended') {
      this.put(told);
      this.end(told.reason || 'closed', told.detail, !PASSING.includes(told.reason));
    } else {
      this.put(told);
      if (message.state === 'waiting') {
        this.renewing = this.view.video !== null;
        this.go('waiting');
      }
      else if (message.state === 'stalled') this.go('quiet');
    }
  }

  private openPicture(message: OpenVideo): void {
    this.renewing = false;
    if (this.picture && this.container !== message.container) this.blank();
    this.container = message.container;
    // figures of the stream before are on another time line
    this.put({ video: message, stats: null, delayMs: null });
    this.picture ??= this.ports.picture(message.container, {
      frame: () => this.seen(),
      failed: (why) => this.broken(why),
    });
    this.picture.open(message.container === 'annexb' ? message.codec_string : message.mime);
  }

  private carried(data: ArrayBuffer): void {
    this.bytes += data.byteLength;
    const { track, payload } = readTrackData(data);
    if (track === VIDEO_TRACK) this.picture?.data(payload);
    else if (track === AUDIO_TRACK) this.loud?.data(payload);
  }

  private seen(): void {
    if (this.renewing) return;
    this.attempt = 0;
    const frameAt = this.ports.nowMs();
    if (this.view.state === 'live') this.view = { ...this.view, frameAt };
    else this.go('frame', { frameAt, reason: '', detail: '', ...(this.view.state === 'waiting' ? { firstMs: this.sinceKey(frameAt) } : {}) });
  }

  private sinceKey(frameAt: number): number {
    const key = this.view.steps.find((each) => each.step === 'key_frame')?.at ?? 0;
    return Math.max(0, frameAt - Math.max(key, this.askedAt));
  }

  /** The browser could not decode: it begins anew, and gives up where that never brought a picture. */
  private broken(why: string): void {
    const seen = this.attempt === 0 && this.view.frameAt !== null;
    this.blank();
    this.end('codec_unsupported', why, !seen);
  }

  private watch(): void {
    this.silent += 1;
    if (this.silent > SILENT_WATCHES) {
      this.end('network', '', false);
      return;
    }
    const { state, frameAt } = this.view;
    const now = this.ports.nowMs();
    if (!document.hidden && state === 'live' && !this.view.playback?.paused && frameAt !== null && now - frameAt > QUIET_MS) this.go('quiet', { reason: this.silent < LATE_WATCHES ? 'no_data' : 'network' });
    if (now - this.figuredAt < FIGURES_MS || !this.picture) return;
    this.figuredAt = now;
    const figures = this.picture.figures();
    this.window.add({ atMs: now, bytes: this.bytes, frames: figures.frames, dropped: figures.dropped });
    this.put({ figures, rates: this.window.rates(), delayMs: delayOf(figures, this.view.stats, now) });
    if (this.view.delayMs !== null) {
      this.send({ kind: 'playing', delay_ms: this.view.delayMs ?? 0, dropped: figures.dropped });
    }
  }

  /** It is over, or it is tried again: what passes by itself is. */
  private end(reason: string, detail: string, final = !PASSING.includes(reason)): void {
    this.leave();
    if (final) {
      this.blank();
      this.go('refused', { reason, detail });
      return;
    }
    this.attempt += 1;
    const delay = retryDelayMs(this.attempt);
    if (!this.go('lost', { reason, detail, retryAt: this.ports.nowMs() + delay })) return;
    this.retry = setTimeout(() => {
      if (this.go('again')) void this.ask();
    }, delay);
  }

  /** Leaves the stream; the last picture stays on the screen. */
  private leave(): void {
    clearTimeout(this.retry);
    clearInterval(this.watcher);
    this.flight?.abort();
    this.flight = null;
    const { socket } = this;
    this.socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.hush();
    this.bytes = 0;
    this.renewing = false;
    this.window = new RateWindow();
  }

  private hush(): void {
    this.loud?.close();
    this.loud = null;
  }

  private blank(): void {
    this.picture?.close();
    this.picture = null;
    this.container = null;
    this.put({ video: null, stats: null, rates: null, figures: null, delayMs: null });
  }
}
