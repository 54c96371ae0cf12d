/** The asked-for time range: in China Standard Time on the screen, in UTC milliseconds in the address and the API. */

import { computed, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';

const CST_MS = 8 * 3_600_000;
const DAY_MS = 86_400_000;

/** The history answers at most so much at once. */
export const LONGEST_MS = 7 * DAY_MS;

export interface Range {
  from: number;
  to: number;
}

export type Preset = 'today' | 'yesterday' | 'hours6';
export const PRESETS: readonly Preset[] = ['today', 'yesterday', 'hours6'];

export function dayStart(t: number): number {
  return Math.floor((t + CST_MS) / DAY_MS) * DAY_MS - CST_MS;
}

/** Ends that lie in the present are set to the whole minute, so that the address can be read and shared. */
export function presetRange(preset: Preset, now: number): Range {
  const today = dayStart(now);
  const minute = Math.ceil(now / 60_000) * 60_000;
  if (preset === 'today') return { from: today, to: Math.max(minute, today + 60_000) };
  if (preset === 'yesterday') return { from: today - DAY_MS, to: today };
  return { from: minute - 6 * 3_600_000, to: minute };
}

/** The range of an address, and for what it leaves open that of today as it is when the truck is chosen, not when the page was opened. */
export function useRange(address: () => { vehicle: number | null; from: number | null; to: number | null }, now: () => number): Ref<Range> {
  const today = shallowRef(presetRange('today', now()));
  watch(
    () => {
      const { vehicle, from, to } = address();
      return [vehicle, from === null || to === null];
    },
    ([, open]) => {
      if (open) today.value = presetRange('today', now());
    },
    { flush: 'sync' },
  );
  return computed(() => ({ from: address().from ?? today.value.from, to: address().to ?? today.value.to }));
}

export type RangeFault = 'order' | 'long';

export function rangeFault({ from, to }: Range): RangeFault | null {
  if (to <= from) return 'order';
  return to - from > LONGEST_MS ? 'long' : null;
}

/** A number from the address, or null: whole, positive and before the year 2100. */
export function timeOf(text: unknown): number | null {
  if (typeof text !== 'string' || !/^\d{1,13}$/.test(text)) return null;
  const value = Number(text);
  return value > 0 && value < 4_102_444_800_000 ? value : null;
}

/** A Date whose local fields read as China Standard Time, for a date picker that knows only local time. */
export function toPicker(t: number): Date {
  const d = new Date(t + CST_MS);
  return new Date(
    d.getUTCFullYear(),
    d.getUTCMonth(),
    d.getUTCDate(),
    d.getUTCHours(),
    d.getUTCMinutes(),
    d.getUTCSeconds(),
  );
}

export function fromPicker(d: Date): number {
  return Date.UTC(d.getFullYear(), d.getMonth(), d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds()) - CST_MS;
}
