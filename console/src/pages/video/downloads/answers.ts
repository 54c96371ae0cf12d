/** Recordings fetched from a terminal's own storage (0x9206 over FTP): what is asked for and how far it is. Times UTC ms. */
import { request } from '@/api/client';
import type { QueryValue } from '@/api/client';

import type { Piece, Section } from '../recordings';

export const NETWORKS = ['wifi', 'lan', 'mobile'] as const;
export type Network = (typeof NETWORKS)[number];

export const STATES = ['queued', 'asked', 'uploading', 'paused', 'done', 'refused', 'failed', 'expired', 'cancelled'] as const;
export type DownloadState = (typeof STATES)[number];
export type DownloadAct = 'pause' | 'continue' | 'cancel';

export interface FetchedFile {
  name: string;
  bytes: number;
  /** It arrived whole. */
  complete: boolean;
  evidence_id: number | null;
  media_type: string;
  sm3: string;
  sha256: string;
  /** It can be decoded; null: not known yet. */
  readable: boolean | null;
  duration_ms: number | null;
  width: number;
  height: number;
}

export interface Download {
  id: number;
  vehicle_id: number;
  plate: string;
  plate_color: number;
  channel: number;
  channel_zh: string;
  channel_en: string;
  from_at: number;
  to_at: number;
  media_type: number;
  stream: number;
  storage: number;
  networks: Network[];
  purpose: string;
  case_id: number | null;
  by: string | null;
  mine: boolean;
  state: DownloadState;
  reason: string;
  answer: string;
  /** Behind so many others of this truck. */
  place: number | null;
  announced_bytes: number | null;
  received_bytes: number;
  limit_bytes: number;
  percent: number | null;
  bytes_per_s: number;
  left_s: number | null;
  tries: number;
  breaks: number;
  files: FetchedFile[];
  readable: boolean | null;
  created_at: number;
  asked_at: number | null;
  started_at: number | null;
  last_byte_at: number | null;
  ended_at: number | null;
  expires_at: number;
  /** What fits now and the person may. */
  may: DownloadAct[];
}

export interface DownloadPage {
  as_of: number;
  total: number;
  /** There is a server for terminals to send to. */
  ftp: boolean;
  items: Download[];
}

export interface Wanted {
  piece: Piece & { start_at: number; end_at: number };
  vehicle: number;
  list: number | null;
  from: number;
  to: number;
  networks: readonly Network[];
  hours: number;
  /** Id of the case that it is evidence of. */
  forCase: number | null;
}

/** As the terminal's list names the piece; what it does not name any more stays open (0). */
export const downloadsApi = {
  order: ({ piece, vehicle, list, from, to, networks, hours, forCase }: Wanted, purpose: string) =>
    request<Download>('/api/video/downloads', {
      body: {
        vehicle_id: vehicle, channel: piece.channel, from_at: from, to_at: to, media_type: piece.media_type, stream: piece.stream, storage: piece.storage,
        networks, valid_h: hours, ...(list === null ? {} : { list }), ...(forCase === null ? {} : { case_id: forCase }), ...(purpose ? { purpose } : {}),
      },
      plain: true,
    }),
  list: (query: Record<string, QueryValue>, signal?: AbortSignal) => request<DownloadPage>('/api/video/downloads', { query, signal, plain: true }),
  act: (id: number, act: DownloadAct) => request<Download>(`/api/video/downloads/${id}/${act}`, { method: 'POST', plain: true }),
};

/** It still changes by itself. */
export const going = ({ ended_at }: Pick<Download, 'ended_at'>): boolean => ended_at === null;

/** The piece of the list that lies at the place, of the storage where one is named; the one that begins last. Null: nothing does. */
export function pieceAt(items: readonly Piece[], channel: number, at: number, storage: number | null = null): Wanted['piece'] | null {
  const here = items.filter(
    (piece): piece is Wanted['piece'] =>
      piece.channel === channel && (storage === null || piece.storage === storage) && piece.start_at !== null && piece.end_at !== null && piece.start_at <= at && at < piece.end_at,
  );
  return here.sort((a, b) => a.storage - b.storage || b.start_at - a.start_at)[0] ?? null;
}

/** Pieces of a channel with a sensible time, in their order. */
export const piecesOf = (items: readonly Piece[], channel: number): Wanted['piece'][] =>
  items
    .filter((piece): piece is Wanted['piece'] => piece.channel === channel && piece.start_at !== null && piece.end_at !== null && piece.end_at > piece.start_at)
    .sort((a, b) => a.start_at - b.start_at || a.storage - b.storage);

export const samePiece = (a: Piece | null, b: Piece | null): boolean =>
  a !== null && b !== null && a.channel === b.channel && a.start_at === b.start_at && a.end_at === b.end_at && a.storage === b.storage && a.stream === b.stream;

/** Pieces less apart have no gap between them. */
const GAP_MS = 2_000;

/**
 * What of a channel lies in a section: by the piece that it begins with (a storage and stream of its own), about how many bytes, and where
 * nothing is recorded. Null: nothing lies there.
 */
export function sectionOf(pieces: readonly Wanted['piece'][], { from, to }: Pick<Section, 'from' | 'to'>, like: Wanted['piece'] | null = null): { piece: Wanted['piece']; bytes: number; holes: number } | null {
  const within = pieces.filter((piece) => piece.media_type !== 1 && piece.start_at < to && piece.end_at > from);
  const first = like ?? [...within].sort((a, b) => a.storage - b.storage || a.stream - b.stream || a.start_at - b.start_at)[0];
  if (!first) return null;
  const same = within.filter((piece) => piece.storage === first.storage && piece.stream === first.stream);
  if (!same.length) return null;
  let [bytes, holes, end] = [0, 0, from];
  for (const piece of same) {
    bytes += (piece.bytes * (Math.min(to, piece.end_at) - Math.max(from, piece.start_at))) / (piece.end_at - piece.start_at);
    if (piece.start_at - end > GAP_MS) holes += 1;
    end = Math.max(end, piece.end_at);
  }
  return { piece: first, bytes, holes: holes + (to - end > GAP_MS ? 1 : 0) };
}
