/** Vehicles by a fragment of plate, SIM number or terminal id, asked for while it is typed. */
import { computed, onScopeDispose, ref, watch } from 'vue';

import { isAbort } from '@/api/client';
import { api } from '@/api/endpoints';
import type { VehicleRow } from '@/api/types';

/** How long a key waits for the next one before the server is asked. */
export const PAUSE_MS = 180;
const SHOWN = 8;

export function useVehicleLookup() {
  const text = ref('');
  const wanted = computed(() => text.value.trim());
  const rows = ref<VehicleRow[]>([]);
  const total = ref(0);
  const active = ref(0);
  const status = ref<'idle' | 'busy' | 'done' | 'failed'>('idle');
  let timer: ReturnType<typeof setTimeout> | undefined;
  let flight: AbortController | null = null;

  function stop(): void {
    clearTimeout(timer);
    flight?.abort();
  }

  function show(found: VehicleRow[], all: number): void {
    rows.value = found;
    total.value = all;
    active.value = 0;
  }

  async function search(): Promise<void> {
    const own = (flight = new AbortController());
    try {
      const answer = await api.vehicles({ q: wanted.value, size: SHOWN }, own.signal);
      if (own.signal.aborted) return;
      show(answer.items, answer.total);
      status.value = 'done';
    } catch (error) {
      if (own.signal.aborted || isAbort(error)) return;
      status.value = 'failed';
    }
  }

  watch(
    wanted,
    (now) => {
      stop();
      show([], 0); // Enter must never choose a vehicle that the text no longer names
      status.value = now ? 'busy' : 'idle';
      if (now) timer = setTimeout(() => void search(), PAUSE_MS);
    },
    { flush: 'sync' },
  );
  onScopeDispose(stop);

  /** Moves the marked row by `step`, not beyond the first and the last. */
  function move(step: number): void {
    active.value = Math.max(0, Math.min(rows.value.length - 1, active.value + step));
  }

  /** A value cut at the fragment: before, the fragment, after. */
  function cut(value: string): [string, string, string] {
    const at = value.toLowerCase().indexOf(wanted.value.toLowerCase());
    const end = at + wanted.value.length;
    return at < 0 ? [value, '', ''] : [value.slice(0, at), value.slice(at, end), value.slice(end)];
  }

  return { text, wanted, rows, total, active, status, move, cut };
}
