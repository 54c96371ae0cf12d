/** Turning cameras: what the server takes and says. */
import { request } from '@/api/client';

import type { Slot } from '../wall';

import type { Driver, PtzAnswer, PtzOrder } from './driving';

export interface PtzState {
  /** Null: the terminal has not said. */
  ptz: boolean | null;
  driver: Driver | null;
}

export const ptzApi = {
  say: ({ vehicle, channel }: Slot, order: PtzOrder, purpose: string) =>
    request<PtzAnswer>('/api/video/ptz', { body: { vehicle_id: vehicle, channel, ...order, ...(purpose ? { purpose } : {}) }, plain: true }),
  state: ({ vehicle, channel }: Slot, signal?: AbortSignal) =>
    request<PtzState>('/api/video/ptz', { query: { vehicle_id: vehicle, channel }, signal, plain: true }),
};
