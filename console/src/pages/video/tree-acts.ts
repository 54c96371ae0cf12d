/** What the lines of the tree do to the wall; the page provides it. */
import type { InjectionKey, Ref } from 'vue';

import type { VehicleQuery } from '@/api/endpoints';

import type { Slot } from './wall';

export interface TreeActs {
  /** Hangs a channel up, or all channels of a truck. */
  show: (vehicle: number, channel: number | null) => Promise<void>;
  /** The tile that shows it, from 1; null: none. */
  tileOf: (slot: Slot) => number | null;
  /** There is a patrol: on a phone one picture is shown. */
  patrols: Readonly<Ref<boolean>>;
  /** Adds the online trucks that the question finds to the patrol's list. */
  patrol: (trucks: VehicleQuery) => Promise<void>;
}

export const TREE_ACTS: InjectionKey<TreeActs> = Symbol('video-tree');

/** What is dragged: a truck, one of its channels, or a tile of the wall. */
export interface Dragged {
  vehicle?: number;
  channel?: number | null;
  tile?: number;
}

const TYPE = 'application/x-luwei-video';

export function drag(event: DragEvent, what: Dragged): void {
  event.dataTransfer?.setData(TYPE, JSON.stringify(what));
  if (event.dataTransfer) event.dataTransfer.effectAllowed = 'copyMove';
}

/** Lets go of it here only where it is one of ours. */
export function over(event: DragEvent): boolean {
  const ours = event.dataTransfer?.types.includes(TYPE) ?? false;
  if (ours) event.preventDefault();
  return ours;
}

export function dropped(event: DragEvent): Dragged | null {
  const text = event.dataTransfer?.getData(TYPE);
  if (!text) return null;
  event.preventDefault();
  return JSON.parse(text) as Dragged;
}
