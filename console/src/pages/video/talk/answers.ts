/** What the server takes for a talk. */
import { request } from '@/api/client';
import type { TalkBusy, TalkRequest, TalkTicket } from '@/talk/protocol';

/** Whether a truck can be talked with, and what stands against it. */
export interface TalkInfo {
  vehicle_id: number;
  online: boolean;
  /** The terminal's channel for talk. */
  channel: number;
  may: { talk: boolean; listen: boolean; broadcast: boolean };
  /** A grant on a recorded reason would open listening in. */
  listen_reason: boolean;
  /** `encodes`: sound can be sent in this codec; `speaker` null: the terminal has not said. */
  audio: { codec: string; source: string; encodes: boolean; speaker: boolean | null };
  busy: (TalkBusy & { mine: boolean }) | null;
}

/** Trucks of one broadcast at most. */
export const TRUCKS_MAX = 100;

export const talkApi = {
  info: (vehicle: number, signal?: AbortSignal) => request<TalkInfo>(`/api/video/vehicles/${vehicle}/talk`, { signal, plain: true }),
  begin: ({ kind, vehicles }: TalkRequest, purpose: string, signal?: AbortSignal) =>
    request<TalkTicket>('/api/video/talks', {
      body: { kind, ...(kind === 'broadcast' ? { vehicle_ids: vehicles } : { vehicle_id: vehicles[0] }), ...(purpose ? { purpose } : {}) }, signal, plain: true,
    }),
};
