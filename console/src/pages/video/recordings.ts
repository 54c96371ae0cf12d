/** Recordings that lie in a terminal: what it says it has, and how that is laid on the line of a day. Times UTC ms. */
import { request } from '@/api/client';
import type { Ticket } from '@/video/protocol';

export interface Piece {
  channel: number;
  channel_zh: string;
  channel_en: string;
  /** Null where the terminal's time is none. */
  start_at: number | null;
  end_at: number | null;
  /** 16 hexadecimal digits: bits 0-31 those of a position, 32-63 those of video. */
  alarm: string;
  /** 0 sound and pictures, 1 sound, 2 pictures. */
  media_type: number;
  /** 1 main, 2 sub. */
  stream: number;
  /** 1 main, 2 disaster recovery. */
  storage: number;
  bytes: number;
}

export interface RecordingList {
  list: number | null;
  state: 'asked' | 'answered' | 'failed' | null;
  reason: string;
  total: number;
  /** Pieces of a time in which the truck was somebody else's, which are not told. */
  withheld: number;
  next: number | null;
  items: Piece[];
}

/** What a terminal is to play. */
export interface Place {
  vehicle: number;
  channel: number | null;
  /** Where to begin; null: nothing yet. */
  at: number | null;
}

export interface Span {
  from: number;
  to: number;
  alarm: boolean;
  storage: number;
  sound: boolean;
}

export interface ChannelLine {
  channel: number;
  zh: string;
  en: string;
  spans: Span[];
}

/** A part of a channel's day that somebody marked. */
export interface Section {
  channel: number;
  from: number;
  to: number;
}

export const DAY_MS = 86_400_000;
/** How much of the day the lines show: all of it, or less. */
export const WINDOWS = [DAY_MS, 6 * 3_600_000, 3_600_000, 600_000] as const;
const CHINA_MS = 8 * 3_600_000;
/** Pieces less apart are one on the line. */
const GAP_MS = 2_000;

/** The beginning of the day in China. */
export const dayOf = (at: number): number => Math.floor((at + CHINA_MS) / DAY_MS) * DAY_MS - CHINA_MS;
/** `2026-11-22` of an instant. */
export const dateOf = (at: number): string => new Date(at + CHINA_MS).toISOString().slice(0, 10);
/** The beginning of a day that a person chose; null for what is none. */
export function dayFrom(text: string): number | null {
  const at = Date.parse(`${text}T00:00:00+08:00`);
  return Number.isFinite(at) ? at : null;
}
export const clockOf = (at: number): string => new Date(at + CHINA_MS).toISOString().slice(11, 19);

/** So much of the day around a moment, within the day. */
export function windowOf(day: number, length: number, centre: number): { from: number; to: number } {
  const from = Math.min(Math.max(day, Math.round((centre - length / 2) / 60_000) * 60_000), day + DAY_MS - length);
  return { from, to: from + length };
}

/** Four equal parts of what is shown, with their clocks. */
export const ticksOf = ({ from, to }: { from: number; to: number }): { at: number; text: string }[] =>
  [0, 1, 2, 3, 4].map((part) => {
    const at = from + ((to - from) / 4) * part;
    const text = clockOf(at);
    return { at, text: part === 4 && text === '00:00:00' ? '24:00' : text.slice(0, text.endsWith(':00') ? 5 : 8) };
  });

/** Channel by channel, what lies within the day; neighbours of a kind joined. Pieces with broken times are left out. */
export function linesOf(items: readonly Piece[], day: number): ChannelLine[] {
  const lines = new Map<number, ChannelLine>();
  for (const { channel, channel_zh: zh, channel_en: en, start_at, end_at, alarm, storage, media_type } of items) {
    let line = lines.get(channel);
    if (!line) lines.set(channel, (line = { channel, zh, en, spans: [] }));
    if (start_at === null || end_at === null || end_at <= start_at) continue;
    const span: Span = { from: Math.max(start_at, day), to: Math.min(end_at, day + DAY_MS), alarm: /[1-9a-f]/i.test(alarm), storage, sound: media_type === 1 };
    if (span.to <= span.from) continue;
    const before = line.spans.filter((each) => each.storage === storage).at(-1);
    if (before && before.alarm === span.alarm && before.sound === span.sound && span.from - before.to <= GAP_MS && span.from >= before.from) before.to = Math.max(before.to, span.to);
    else line.spans.push(span);
  }
  return [...lines.values()].sort((a, b) => a.channel - b.channel);
}

/** Where playing begins that somebody wants from `at`: there, or at the next recorded place of the channel; null: nothing follows. */
export function beginning(line: ChannelLine | undefined, at: number): Span | null {
  const spans = [...(line?.spans ?? [])].filter((span) => !span.sound).sort((a, b) => a.from - b.from || a.storage - b.storage);
  const here = spans.find((span) => span.from <= at && at < span.to);
  return here ?? spans.find((span) => span.from > at) ?? null;
}

/** So near its end all was played. */
const END_MS = 2_000;

/** From where playing goes on that broke off or is asked for anew: where it stood, or the beginning once all was played. */
export const onwardFrom = (at: number, { from, to }: { from: number; to: number }): number => (at > to - END_MS ? from : Math.max(from, Math.floor(at / 1_000) * 1_000));

const VEHICLE_MAX = 2 ** 31 - 1;

/** The place that a link asks for: `?vehicle=12&channel=1&at=<ms>`. */
export function readPlace(query: Record<string, unknown>): Place | null {
  const number = (name: string, most: number): number | null => {
    const text = query[name];
    const value = typeof text === 'string' && /^\d{1,13}$/.test(text) ? Number(text) : 0;
    return value >= 1 && value <= most ? value : null;
  };
  const [vehicle, at] = [number('vehicle', VEHICLE_MAX), number('at', 4_102_444_800_000)];
  return vehicle !== null && at !== null ? { vehicle, channel: number('channel', 64), at } : null;
}

/** Playing begins so long before the moment that a link is about. */
const BEFORE_MS = 10_000;

/** The link to a moment in what a truck recorded; `about`: the purpose, and the case that it is for. */
export const momentOf = (vehicle: number, at: number, about: Record<string, string | number> = {}): { path: string; query: Record<string, string | number> } => ({
  path: '/video',
  query: { vehicle, at: at - BEFORE_MS, ...about },
});

export const recordingsApi = {
  /** Asks the truck; after 20 s the answer is `asked` and is looked for by its number. */
  ask: (vehicle: number, from_at: number, to_at: number, purpose: string, signal?: AbortSignal) =>
    request<RecordingList>(`/api/video/vehicles/${vehicle}/recordings`, { body: { from_at, to_at, channel: 0, ...(purpose ? { purpose } : {}) }, signal, plain: true }),
  read: (vehicle: number, list: number, offset: number, signal?: AbortSignal) =>
    request<RecordingList>(`/api/video/vehicles/${vehicle}/recordings`, { query: { list, offset }, signal, plain: true }),
  play: (vehicle: number, channel: number, from_at: number, to_at: number, storage: number, purpose: string, signal?: AbortSignal) =>
    request<Ticket>('/api/video/playbacks', { body: { vehicle_id: vehicle, channel, from_at, to_at, storage, ...(purpose ? { purpose } : {}) }, signal, plain: true }),
};

const AGAIN_MS = 3_000;

/** All that a truck recorded of a day: asked, waited for, and read page by page. Throws ApiError. */
export async function recordingsOf(vehicle: number, day: number, purpose: string, signal: AbortSignal): Promise<RecordingList> {
  let found = await recordingsApi.ask(vehicle, day, day + DAY_MS, purpose, signal);
  while (found.state === 'asked' && found.list !== null) {
    await new Promise((settle) => setTimeout(settle, AGAIN_MS));
    signal.throwIfAborted();
    found = await recordingsApi.read(vehicle, found.list, 0, signal);
  }
  const items = [...found.items];
  for (let next = found.next; next !== null && found.list !== null;) {
    const page = await recordingsApi.read(vehicle, found.list, next, signal);
    items.push(...page.items);
    next = page.next;
  }
  return { ...found, items, next: null };
}
