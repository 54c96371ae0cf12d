/**
 * Refusals that a person can lift. A request that lacks a reason or a fresh proof waits while the dialog stands; several that lack
 * the same wait for the same dialog. Who closes it is not asked again for that until another page is opened.
 */
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';

import type { ApiError } from '@/api/client';
import { onLiftable } from '@/api/client';

export interface Wanted {
  kind: 'reason' | 'proof';
  /** Row of the rights table that a reason is wanted for. */
  row: string;
  vehicle: number | null;
  /** Further trucks that the same reason is for. */
  others?: readonly number[];
}

/** The row of the rights table to which a kind of data belongs; the form asks for rows. */
const ROWS: Readonly<Record<string, string>> = {
  vehicle: 'vehicle', terminal: 'vehicle', operator: 'vehicle', organisation: 'vehicle', sim: 'vehicle', model: 'vehicle',
  position: 'position', track: 'position', video: 'video', alarm: 'alarm', case: 'alarm',
  evidence: 'evidence', multimedia: 'evidence', driver: 'driver',
  talk: 'talk', listen: 'talk', broadcast: 'talk',
};

/** The trucks that a body names. */
function vehiclesIn(body: unknown): number[] {
  const named = (body ?? {}) as { vehicle?: unknown; vehicle_id?: unknown; vehicles?: unknown };
  const given = Array.isArray(named.vehicles) ? (named.vehicles as unknown[]) : [named.vehicle_id ?? named.vehicle];
  return given.filter((each): each is number => typeof each === 'number');
}

/** What a refused request lacks; the vehicles are those that its address or its body names. */
export function wantedOf(error: Pick<ApiError, 'rule' | 'field'>, path: string, body: unknown = undefined): Wanted {
  if (error.rule === 'reauthenticate') return { kind: 'proof', row: '', vehicle: null };
  const found = /\/api\/vehicles\/(\d+)(?:[/?]|$)/.exec(path) ?? /[?&]vehicle(?:_id)?=(\d+)/.exec(path);
  const [vehicle = null, ...others] = found ? [Number(found[1])] : vehiclesIn(body);
  const row = ROWS[error.field ?? ''] ?? 'vehicle';
  return { kind: 'reason', row, vehicle, ...(others.length ? { others } : {}) };
}

export const useLifting = defineStore('lifting', () => {
  const wanted = shallowRef<Wanted | null>(null);
  const declined = ref(new Set<string>());
  const queue: { wanted: Wanted; settle: (lifted: boolean) => void }[] = [];
  const keyOf = (what: Wanted): string => `${what.kind} ${what.row} ${[what.vehicle ?? '', ...(what.others ?? [])].join(',')}`;

  function next(): void {
    wanted.value = queue[0]?.wanted ?? null;
  }

  /** Asks, unless this was declined on this page; answers whether the request may be sent again. */
  function ask(what: Wanted, always = false): Promise<boolean> {
    if (!always && what.kind === 'reason' && declined.value.has(keyOf(what))) return Promise.resolve(false);
    return new Promise((settle) => {
      queue.push({ wanted: what, settle });
      if (queue.length === 1) next();
    });
  }

  /** The dialog's answer goes to all who wait for the same. */
  function settle(lifted: boolean): void {
    const what = wanted.value;
    if (!what) return;
    if (!lifted) declined.value.add(keyOf(what));
    for (const each of queue.filter((waiting) => keyOf(waiting.wanted) === keyOf(what))) {
      queue.splice(queue.indexOf(each), 1);
      each.settle(lifted);
    }
    next();
  }

  /** Another page, or another person: what waits for an answer gets none, and what was declined is asked anew. */
  function forget(): void {
    for (const each of queue.splice(0)) each.settle(false);
    declined.value.clear();
    next();
  }

  onLiftable((error, path, body) => ask(wantedOf(error, path, body)));
  return { wanted, ask, settle, forget };
});
