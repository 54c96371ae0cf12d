/** The trucks on the wall and in the open tree, read once and again while they are on the screen. */
import { defineStore } from 'pinia';
import { reactive, watch } from 'vue';

import { ApiError } from '@/api/client';
import { useSession } from '@/shell/session';

import type { ChannelInfo, TruckChannels } from './answers';
import { videoApi } from './answers';

export interface Truck {
  known: TruckChannels | null;
  error: ApiError | null;
  busy: boolean;
}

export const useTrucks = defineStore('video-trucks', () => {
  const trucks = reactive(new Map<number, Truck>());

  function of(vehicle: number): Truck {
    let truck = trucks.get(vehicle);
    if (!truck) {
      trucks.set(vehicle, { known: null, error: null, busy: false });
      truck = trucks.get(vehicle) as Truck;
    }
    return truck;
  }

  /** Reads its channels; `again`: also where they are known. */
  async function read(vehicle: number, again = false): Promise<Truck> {
    const truck = of(vehicle);
    if (truck.busy || (truck.known && !again)) return truck;
    truck.busy = true;
    try {
      truck.known = await videoApi.channels(vehicle);
      truck.error = null;
    } catch (failure) {
      truck.error = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
    }
    truck.busy = false;
    return truck;
  }

  const channel = (vehicle: number, number: number): ChannelInfo | undefined =>
    trucks.get(vehicle)?.known?.channels.find((each) => each.channel === number);

  const session = useSession();
  // what one account may see is nothing to the next one at this desk
  watch(() => session.user?.id, () => trucks.clear());

  return { trucks, of, read, channel };
});

/** Channels with a picture. */
export const pictured = (truck: TruckChannels | null): ChannelInfo[] => truck?.channels.filter((each) => each.kind !== 'audio') ?? [];
