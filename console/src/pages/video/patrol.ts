/** 轮巡: a list that is longer than the wall is shown wall by wall. */
import type { Slot, Wall } from './wall';
import { keyOf } from './wall';

export const INTERVALS_S = [15, 30, 60, 120, 300] as const;
export const LIST_MAX = 200;

export interface Patrol {
  list: readonly Slot[];
  intervalS: number;
}

export const NO_PATROL: Patrol = { list: [], intervalS: 30 };

export const rounds = (patrol: Patrol, tiles: number): number => Math.max(1, Math.ceil(patrol.list.length / tiles));

/** The wall of the `round`-th step; it begins again after the last one. */
export function wallOf(patrol: Patrol, wall: Wall, round: number): Wall {
  const start = (round % rounds(patrol, wall.grid)) * wall.grid;
  const slots = wall.slots.map((_, place) => patrol.list[start + place] ?? null);
  return { ...wall, slots, chosen: 0, enlarged: null };
}

/** The list with more at its end, each channel once. */
export function added(patrol: Patrol, more: readonly Slot[]): Patrol {
  const known = new Set(patrol.list.map(keyOf));
  const fresh = more.filter((slot) => !known.has(keyOf(slot)) && known.add(keyOf(slot)));
  return { ...patrol, list: [...patrol.list, ...fresh].slice(0, LIST_MAX) };
}

export function removed(patrol: Patrol, slot: Slot): Patrol {
  return { ...patrol, list: patrol.list.filter((each) => keyOf(each) !== keyOf(slot)) };
}

/** A stored patrol; what cannot be read is left out. */
export function readPatrol(stored: unknown): Patrol {
  const { list, intervalS } = (stored ?? {}) as { list?: unknown; intervalS?: unknown };
  const slots = Array.isArray(list) ? list.filter(isSlot) : [];
  return added({ list: [], intervalS: INTERVALS_S.find((each) => each === intervalS) ?? NO_PATROL.intervalS }, slots);
}

function isSlot(value: unknown): value is Slot {
  const { vehicle, channel } = (value ?? {}) as Partial<Slot>;
  return Number.isInteger(vehicle) && Number.isInteger(channel) && Number(vehicle) > 0 && Number(channel) > 0;
}
