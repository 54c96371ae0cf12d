/** What the server says of live video. Times UTC ms. */
import { request, requestFile } from '@/api/client';
import type { StreamRequest, Ticket } from '@/video/protocol';

export interface ChannelInfo {
  channel: number;
  name_zh: string;
  name_en: string;
  kind: 'av' | 'video' | 'audio';
  /** Shows the inside of the cab. */
  in_cab: boolean;
  /** Can be turned. */
  ptz: boolean;
  /** As it was last seen; empty: never. */
  codec: string;
  stream: string | null;
}

export interface TruckChannels {
  vehicle_id: number;
  plate: string;
  plate_color: number;
  online: boolean;
  last_seen_at: number | null;
  channels: ChannelInfo[];
  audio: { codec: string; output: boolean } | null;
}

export interface Usage {
  as_of: number;
  streams: number;
  streams_limit: number;
  viewers: number;
  user_streams: number;
  user_streams_limit: number;
  truck_streams_limit: number;
  month_bytes: number;
  month_limit_bytes: number;
}

export interface SavedLayout {
  name: string;
  tiles: number;
  body: unknown;
  updated_at: number;
}

export const videoApi = {
  /** Asked without the dialog of refused requests: a tile says itself what is missing. */
  channels: (vehicle: number, signal?: AbortSignal) =>
    request<TruckChannels>(`/api/video/vehicles/${vehicle}/channels`, { signal, plain: true }),
  stream: ({ vehicle, channel, quality, purpose }: StreamRequest, signal?: AbortSignal) =>
    request<Ticket>('/api/video/streams', {
      body: { vehicle_id: vehicle, channel, stream: quality, ...(purpose ? { purpose } : {}) }, signal, plain: true,
    }),
  usage: (signal?: AbortSignal) => request<Usage>('/api/video/usage', { signal, plain: true }),
  /** A picture of the stream, with its watermark. */
  snapshot: (stream: string, purpose: string) =>
    requestFile(`/api/video/streams/${encodeURIComponent(stream)}/snapshot`, { query: { purpose }, plain: true }),
  layouts: (signal?: AbortSignal) => request<{ items: SavedLayout[] }>('/api/me/video-layouts', { signal }),
  saveLayout: (name: string, tiles: number, body: unknown) =>
    request<SavedLayout>(`/api/me/video-layouts/${encodeURIComponent(name)}`, { method: 'PUT', body: { tiles, body } }),
  removeLayout: (name: string) => request<void>(`/api/me/video-layouts/${encodeURIComponent(name)}`, { method: 'DELETE' }),
};
