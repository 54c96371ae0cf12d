/** What the server and a picture say to each other: the ticket, then text and binary messages of one WebSocket. Times UTC ms. */
export type Quality = 'main' | 'sub';

export interface StreamRequest {
  vehicle: number;
  channel: number;
  quality: Quality;
  /** What for; empty where a grant on a recorded reason says it. */
  purpose: string;
}

/** The answer of `POST /api/video/streams`. */
export interface Ticket {
  stream: string;
  viewer: string;
  ticket: string;
  ticket_valid_until: number;
  url: string;
  purpose: string;
  vehicle_id: number;
  plate: string;
  channel: number;
  channel_zh: string;
  channel_en: string;
  quality: Quality;
  traffic: { used_bytes: number; limit_bytes: number; warning: number | null };
  watermark: string;
}

/** Steps of a picture's way, in their order. */
export const STEPS = ['asked', 'sent', 'answered', 'connected', 'packet', 'key_frame', 'shown'] as const;
export type Step = (typeof STEPS)[number];

export interface StepDone {
  step: Step;
  at: number;
}

/** How a recording is played (`line` of the stream: playback). */
export interface Playback {
  from_at: number;
  to_at: number;
  /** Time of the newest picture in the recording; `exact`: by the terminal's own timestamps. */
  position: number;
  exact: boolean;
  mode: 'play' | 'fast' | 'back' | 'keys';
  speed: number;
  paused: boolean;
  /** The act that the terminal refused last; empty: none. */
  failed: string;
}

export type SteerAct = 'pause' | 'resume' | 'fast' | 'back' | 'keys' | 'step_forward' | 'step_back' | 'drag';

export interface StateMessage {
  kind: 'state';
  playback?: Playback;
  state: 'waiting' | 'live' | 'stalled' | 'ended';
  reason: string;
  detail: string;
  /** How often the terminal was asked; `attempts` 0: it is asked again as long as somebody looks. */
  attempt: number;
  attempts: number;
  steps: readonly StepDone[];
  /** What the terminal answered; empty before it did. */
  answer: string;
  last_frame_at: number | null;
  retry: boolean;
  stream: Quality;
  viewers: number;
  /** Somebody, or a rule, records this channel into the evidence. */
  recording?: boolean;
  at: number;
}

export type Container = 'fmp4' | 'annexb' | 'jpeg';

export interface OpenVideo {
  kind: 'open';
  track: 'video';
  container: Container;
  mime: string;
  codec: string;
  codec_string: string;
  stream: Quality;
  width: number;
  height: number;
  in_cab: boolean;
  watermark: string;
  purpose: string;
  /** The grant on a recorded reason that it is seen on. */
  grant: { to_at: number; purpose: string } | null;
  started_at: number;
}

export interface OpenAudio {
  kind: 'open';
  track: 'audio';
  container: 'fmp4';
  mime: string;
  source: string;
  sample_rate: number;
}

export interface AudioMessage {
  kind: 'audio';
  state: 'none' | 'unsupported';
  source: string;
}

export interface SkippedMessage {
  kind: 'skipped';
  ms: number;
}

/** How the stream comes in, every two seconds. */
export interface StatsMessage {
  kind: 'stats';
  playback?: Playback;
  at: number;
  bit_rate: number;
  fps: number;
  packets: number;
  lost: number;
  loss_percent: number;
  codec: string;
  audio_codec: string;
  width: number;
  height: number;
  /** Media time of the newest picture sent, and when its last packet came from the terminal. */
  newest_ms: number | null;
  received_at: number | null;
  viewers: number;
  bytes: number;
  /** Oddities of the stream by name; `claimed`: other lines that said they were this terminal. */
  faults?: Readonly<Record<string, number>>;
}

export type ServerMessage = StateMessage | OpenVideo | OpenAudio | AudioMessage | SkippedMessage | StatsMessage;

const KINDS: readonly string[] = ['state', 'open', 'audio', 'skipped', 'stats'];

/** What the browser may say on the way. */
export type ClientMessage =
  | { kind: 'stream'; stream: Quality }
  | { kind: 'audio'; on: boolean }
  | { kind: 'steer'; act: SteerAct; speed?: number; at?: number }
  | { kind: 'playing'; delay_ms: number; dropped: number };

/** A text message; null for one that a newer server may send and this console does not know. */
export function readMessage(text: string): ServerMessage | null {
  const told = JSON.parse(text) as { kind?: unknown } | null;
  return told && typeof told === 'object' && typeof told.kind === 'string' && KINDS.includes(told.kind) ? (told as ServerMessage) : null;
}

export const VIDEO_TRACK = 1;
export const AUDIO_TRACK = 2;

/** The first octet of a binary message names the track. */
export function readTrackData(data: ArrayBuffer): { track: number; payload: ArrayBuffer } {
  return { track: data.byteLength ? new DataView(data).getUint8(0) : 0, payload: data.slice(1) };
}

export interface AccessUnit {
  keyFrame: boolean;
  atUs: number;
  data: Uint8Array<ArrayBuffer>;
}

const ACCESS_UNIT_HEAD = 9;

/** An access unit behind its head: flags (bit 0: decoding can begin here) and media time in microseconds. */
export function readAccessUnit(payload: ArrayBuffer): AccessUnit | null {
  if (payload.byteLength <= ACCESS_UNIT_HEAD) return null;
  const view = new DataView(payload);
  return {
    keyFrame: (view.getUint8(0) & 1) === 1,
    atUs: view.getUint32(1) * 2 ** 32 + view.getUint32(5),
    data: new Uint8Array(payload, ACCESS_UNIT_HEAD),
  };
}

/** Close codes of the server: what each of them means to a picture. */
export const CLOSED: Readonly<Record<number, { reason: string; final: boolean }>> = {
  4401: { reason: 'session_ended', final: true },
  4403: { reason: 'forbidden', final: true },
  4408: { reason: 'ticket_expired', final: false },
  4429: { reason: 'quota', final: true },
  1013: { reason: 'viewer_slow', final: false },
  1012: { reason: 'node_gone', final: false },
};

/** Reasons that pass by themselves: the picture is asked for again. */
export const PASSING: readonly string[] = ['node_gone', 'no_node', 'viewer_slow', 'ticket_expired', 'superseded', 'unreachable'];
