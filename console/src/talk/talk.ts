/**
 * One talk with trucks: the microphone is asked for, then the server, and only then a truck is called, so that nobody is called by who
 * cannot speak. Sound goes out only while somebody speaks. It knows no page: all it needs comes in through its ports.
 */
import { ApiError, isAbort } from '@/api/client';
import { MicrophoneError } from '@/sound/microphone';
import type { Block, Heard } from '@/sound/worklets';

import { BLOCK_MS, readTalkMessage, TALK_CLOSED } from './protocol';
import type { OpenTalk, TalkKind, TalkMessage, TalkRequest, TalkState, TalkStats, TalkTicket, TalkTruck } from './protocol';

export interface Sounding {
  close: () => void;
}

export interface Voice extends Sounding {
  play: (pcm: ArrayBuffer) => void;
}

/** The person's microphone and loudspeaker. */
export interface Ears {
  /** Asks for the microphone. Throws MicrophoneError. */
  ask: () => Promise<void>;
  /** Blocks of the microphone that was given. */
  listen: (rate: number, length: number, took: (block: Block) => void, lost: () => void) => Promise<Sounding>;
  speaker: (rate: number, heard: (figures: Heard) => void) => Promise<Voice>;
  /** Gives the microphone back. */
  close: () => void;
}

export interface TalkPorts {
  ask: (request: TalkRequest, signal: AbortSignal) => Promise<TalkTicket>;
  socket: (path: string) => WebSocket;
  ears: () => Ears;
  /** The server's clock, UTC ms. */
  nowMs: () => number;
}

/** idle: nothing · microphone: the person is asked for it · asking: the server is · calling: the truck is · live: it stands · ended. */
export const PHASES = ['idle', 'microphone', 'asking', 'calling', 'live', 'ended'] as const;
export type Phase = (typeof PHASES)[number];
export type TalkEvent = 'begin' | 'given' | 'ticket' | 'live' | 'waiting' | 'end' | 'forget';

/** What each event makes of each phase; what stands in no cell changes nothing. */
export const NEXT: Readonly<Record<Phase, Readonly<Partial<Record<TalkEvent, Phase>>>>> = {
  idle: { begin: 'microphone' },
  microphone: { given: 'asking', end: 'ended', forget: 'idle' },
  asking: { ticket: 'calling', end: 'ended', forget: 'idle' },
  calling: { live: 'live', end: 'ended', forget: 'idle' },
  live: { waiting: 'calling', end: 'ended', forget: 'idle' },
  ended: { begin: 'microphone', forget: 'idle' },
};

export interface TalkView {
  phase: Phase;
  kind: TalkKind;
  vehicles: readonly number[];
  trucks: readonly TalkTruck[];
  /** Why it ended, as a code; empty while there is nothing to say. */
  reason: string;
  detail: string;
  open: OpenTalk | null;
  stats: TalkStats | null;
  heard: Heard | null;
  /** The microphone is open to the trucks. */
  speaking: boolean;
  /** Roots of the mean square: what the microphone hears, whether it is sent or not, and what comes. */
  mine: number;
  theirs: number;
  liveAt: number | null;
  endedAt: number | null;
}

export const SILENT: TalkView = {
  phase: 'idle', kind: 'talk', vehicles: [], trucks: [], reason: '', detail: '', open: null, stats: null, heard: null, speaking: false, mine: 0, theirs: 0,
  liveAt: null, endedAt: null,
};

/** What a refused request means, as a code of the words for it. */
function reasonOf(error: ApiError): string {
  if (error.unreachable) return 'unreachable';
  if (error.status === 401) return 'session_ended';
  if (error.status === 403) return error.rule === 'reason_required' ? 'reason_required' : 'forbidden';
  if (error.status === 404) return 'no_vehicle';
  if (error.status === 409) return 'busy';
  if (error.status === 429) return 'quota';
  if (error.status === 503) return error.rule === 'no_node' ? 'no_node' : 'unreachable';
  if (error.field === 'purpose') return 'purpose_required';
  return error.field?.startsWith('vehicle_id') ? 'no_terminal' : 'refused_request';
}

/** How long a word takes to the truck or from it (ms): the server's estimate and what waits here. Null: not known yet. */
export function delaysOf({ stats, heard }: Pick<TalkView, 'stats' | 'heard'>): { up: number | null; down: number | null } {
  const up = stats?.delay_up_ms ?? null;
  const down = stats?.delay_down_ms ?? null;
  return { up: up === null ? null : Math.round(up + BLOCK_MS), down: down === null ? null : Math.round(down + (heard?.waitingMs ?? 0)) };
}

export class Talk {
  view: TalkView = SILENT;
  private wanted = false;
  private flight: AbortController | null = null;
  private socket: WebSocket | null = null;
  private ears: Ears | null = null;
  private microphone: Sounding | null = null;
  private voice: Voice | null = null;

  constructor(
    private readonly ports: TalkPorts,
    private readonly changed: (view: TalkView) => void,
  ) {}

  /** Calls the trucks; what ran before ends. */
  async begin(request: TalkRequest): Promise<void> {
    this.forget();
    const mine = (this.flight = new AbortController());
    this.put({ ...SILENT, kind: request.kind, vehicles: request.vehicles, speaking: false });
    this.go('begin');
    try {
      const ears = (this.ears = this.ports.ears());
      if (request.kind !== 'listen') await ears.ask();
      if (mine.signal.aborted) return;
      this.go('given');
      const ticket = await this.ports.ask(request, mine.signal);
      if (mine.signal.aborted) return;
      this.go('ticket', { trucks: ticket.trucks });
      this.connect(ticket);
    } catch (failure) {
      if (isAbort(failure) || mine.signal.aborted) return;
      if (failure instanceof MicrophoneError) return this.end(`microphone_${failure.fault}`, failure.message);
      const error = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
      this.end(reasonOf(error), error.clash?.label ?? (error.field === 'quota' || reasonOf(error) === 'refused_request' ? error.rule : ''));
    }
  }

  /** Opens the microphone to the trucks, now or as soon as it stands. */
  speak(on: boolean): void {
    this.wanted = on;
    this.put({ speaking: on && this.microphone !== null });
  }

  /** Takes one truck out of a broadcast. */
  drop(vehicle: number): void {
    this.send({ kind: 'drop', vehicle_id: vehicle });
  }

  hangUp(): void {
    if (this.view.phase !== 'idle' && this.view.phase !== 'ended') this.end('hung_up', '');
  }

  /** Nothing of it remains. */
  forget(): void {
    this.leave();
    this.go('forget', SILENT);
  }

  private go(event: TalkEvent, told: Partial<TalkView> = {}): boolean {
    const phase = NEXT[this.view.phase][event];
    if (!phase) return false;
    this.put({ ...told, phase });
    return true;
  }

  private put(told: Partial<TalkView>): void {
    this.view = { ...this.view, ...told };
    this.changed(this.view);
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private connect(ticket: TalkTicket): void {
    const opened = (this.socket = this.ports.socket(ticket.url));
    opened.binaryType = 'arraybuffer';
    opened.onmessage = (event: MessageEvent<ArrayBuffer | string>) => {
      if (this.socket !== opened) return;
      if (typeof event.data === 'string') this.told(event.data);
      else this.voice?.play(event.data);
    };
    opened.onclose = (event) => {
      if (this.socket === opened) this.end(TALK_CLOSED[event.code] ?? 'network', event.reason || '');
    };
  }

  private told(text: string): void {
    let message: TalkMessage | null;
    try {
      message = readTalkMessage(text);
    } catch {
      message = null;
    }
    if (message?.kind === 'ping') this.send({ kind: 'pong', at: message.at });
    else if (message?.kind === 'open') void this.opened(message);
    else if (message?.kind === 'state') this.tellState(message);
    else if (message?.kind === 'stats') this.put({ stats: message });
  }

  private tellState({ state, reason, detail, trucks }: TalkState): void {
    this.put({ trucks });
    if (state === 'ended') this.end(reason || 'closed', detail);
    else if (state === 'live' || state === 'stalled') this.go('live', { liveAt: this.view.liveAt ?? this.ports.nowMs() });
    else this.go('waiting');
  }

  private async opened(message: OpenTalk): Promise<void> {
    const { ears, flight } = this;
    this.put({ open: message });
    if (!ears || !flight) return;
    try {
      if (message.hear) {
        const voice = await ears.speaker(message.rate, (heard) => this.put({ heard, theirs: heard.loudness }));
        if (flight.signal.aborted) return voice.close();
        this.voice = voice;
      }
      if (!message.speak) return;
      const took = (block: Block): void => this.took(block);
      const microphone = await ears.listen(message.rate, (message.rate * BLOCK_MS) / 1_000, took, () => this.end('microphone_lost', ''));
      if (flight.signal.aborted) return microphone.close();
      this.microphone = microphone;
      this.put({ speaking: this.wanted });
    } catch (failure) {
      if (flight.signal.aborted) return;
      this.end(failure instanceof MicrophoneError ? `microphone_${failure.fault}` : 'microphone_unsupported', failure instanceof Error ? failure.message : String(failure));
    }
  }

  private took({ pcm, loudness }: Block): void {
    if (this.view.speaking && this.socket?.readyState === WebSocket.OPEN) this.socket.send(pcm);
    this.put({ mine: loudness });
  }

  private end(reason: string, detail: string): void {
    this.leave();
    this.go('end', { reason, detail, endedAt: this.ports.nowMs(), speaking: false, mine: 0, theirs: 0 });
  }

  /** Everything is given back: the socket, the loudspeaker, the microphone. */
  private leave(): void {
    this.flight?.abort();
    this.flight = null;
    this.wanted = false;
    const { socket } = this;
    this.socket = null;
    if (socket) {
      socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.microphone?.close();
    this.voice?.close();
    this.ears?.close();
    this.microphone = this.voice = this.ears = null;
  }
}
