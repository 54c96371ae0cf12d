/** What `/api/…/media` says: pictures and recordings of a truck. */
import { request, withQuery } from '@/api/client';

export interface MediaItem {
  id: number;
  vehicle_id: number;
  plate: string;
  plate_color: number;
  multimedia_id: number;
  kind: number;
  event: number;
  event_zh: string;
  channel: number;
  received_at: number;
  taken_at: number | null;
  lat_e6: number | null;
  lon_e6: number | null;
  speed_dkmh: number | null;
  media_type: string;
  /** image, audio or video where the browser can show it, else empty. */
  shown: '' | 'image' | 'audio' | 'video';
  problem: string;
  width: number | null;
  height: number | null;
  size: number;
  sha256: string;
  sm3: string;
}

export interface MediaPage {
  as_of: number;
  total: number;
  items: MediaItem[];
}

export type MediaKind = 'image' | 'audio' | 'video';
export const MEDIA_KINDS: readonly MediaKind[] = ['image', 'audio', 'video'];

export const mediaApi = {
  ofVehicle: (id: number, query: { kind?: MediaKind | null; page?: number; size?: number }, signal?: AbortSignal, plain = false) =>
    request<MediaPage>(`/api/vehicles/${id}/media`, { query, signal, plain }),
  ofCommand: (id: number, vehicle: number, signal?: AbortSignal, plain = false) =>
    request<{ as_of: number; expected: number | null; items: MediaItem[] }>(`/api/commands/${id}/media`, { signal, plain, about: { vehicle } }),
  file: (id: number, form: 'original' | 'picture' | 'thumbnail') => withQuery(`/api/media/${id}/file`, { form }),
};

/** What the page shows of a picture: the original where a browser reads its type, else the server's JPEG of it. */
export const pictureOf = (item: MediaItem): string =>
  mediaApi.file(item.id, ['image/jpeg', 'image/png', 'image/gif', 'image/webp'].includes(item.media_type) ? 'original' : 'picture');
