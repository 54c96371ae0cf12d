/** What the server and a talk say to each other: the ticket, then text messages and PCM of one WebSocket. Times UTC ms. */
export const TALK_KINDS = ['talk', 'listen', 'broadcast'] as const;
/** talk: both ways with one truck · listen: the cab to one person · broadcast: one person to many trucks. */
export type TalkKind = (typeof TALK_KINDS)[number];

export interface TalkRequest {
  kind: TalkKind;
  vehicles: readonly number[];
}

/** Who talks with the truck already; no names, for a role is enough to call somebody. */
export interface TalkBusy {
  kind: TalkKind;
  role: string;
  role_zh: string;
  role_en: string;
  since: number;
}

export interface TalkTruck {
  vehicle_id: number;
  plate: string;
  plate_color: number;
  channel: number;
  /** stalled: the terminal is connected but no sound comes. */
  state: 'waiting' | 'live' | 'stalled' | 'ended';
  reason: string;
  detail: string;
  /** What the terminal answered; empty before it did. */
  answer?: string;
  steps?: readonly { step: string; at: number }[];
  attempt?: number;
  codec?: string;
  /** Sound of it came within the last moment. */
  heard?: boolean;
  busy?: TalkBusy | null;
}

/** The answer of `POST /api/video/talks`. */
export interface TalkTicket {
  talk: string;
  kind: TalkKind;
  ticket: string;
  ticket_valid_until: number;
  url: string;
  rate: number;
  purpose: string;
  max_s: number;
  trucks: TalkTruck[];
}

export interface OpenTalk {
  kind: 'open';
  talk: string;
  talk_kind: TalkKind;
  /** Hz, of the PCM both ways. */
  rate: number;
  speak: boolean;
  hear: boolean;
  purpose: string;
  max_s: number;
  grant: { to_at: number; purpose: string } | null;
  started_at: number;
  watermark: string;
}

export interface TalkState {
  kind: 'state';
  state: 'waiting' | 'live' | 'stalled' | 'ended';
  reason: string;
  detail: string;
  trucks: TalkTruck[];
  at: number;
}

export interface TalkStats {
  kind: 'stats';
  at: number;
  /** Between this page and the server, and between the server and the terminal. */
  rtt_ms: number | null;
  line_ms: number | null;
  up: { queue_ms: number; block_ms: number; sent_ms: number; dropped_ms: number; too_fast_ms: number; bad: number };
  down: { block_ms: number; heard_ms: number; lost: number; dropped_ms: number };
  /** From the microphone to the terminal and from the terminal to this page, without what waits here. */
  delay_up_ms: number | null;
  delay_down_ms: number | null;
  codec: string;
  trucks_live: number;
}

export interface TalkPing {
  kind: 'ping';
  at: number;
}

export type TalkMessage = OpenTalk | TalkState | TalkStats | TalkPing;

const KINDS: readonly string[] = ['open', 'state', 'stats', 'ping'];

/** A text message; null for one that a newer server may send and this console does not know. Throws SyntaxError. */
export function readTalkMessage(text: string): TalkMessage | null {
  const told = JSON.parse(text) as { kind?: unknown } | null;
  return told && typeof told === 'object' && typeof told.kind === 'string' && KINDS.includes(told.kind) ? (told as TalkMessage) : null;
}

/** Length of a block to the server (ms). */
export const BLOCK_MS = 20;

/** Close codes of the server, where no last state came. */
export const TALK_CLOSED: Readonly<Record<number, string>> = {
  4401: 'session_ended', 4403: 'forbidden', 4408: 'ticket_expired', 4410: 'closed', 1009: 'network', 1012: 'node_gone', 1013: 'viewer_slow',
};
