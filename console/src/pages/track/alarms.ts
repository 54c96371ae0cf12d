/**
 * Bits of the alarm word (JT/T 808-2019 table 25) and how loudly each is shown.
 *
 * `road` bits tell what the driver or the truck did and are marked on the line; `device` bits tell of the terminal's
 * parts (a camera may be faulty for days) and stay in the list of events only.
 */
import { runs } from './track';
import type { Span, Track } from './track';

export const DEVICE_BITS: readonly number[] = [4, 5, 6, 7, 8, 9, 10, 11, 12, 24, 25];

export const ROAD_MASK = ~DEVICE_BITS.reduce((mask, bit) => mask | (1 << bit), 0) >>> 0;

export function isRoadAlarm(bit: number): boolean {
  return !DEVICE_BITS.includes(bit);
}

export interface AlarmSpan extends Span {
  bit: number;
}

/** A bit that falls for less than this and rises again is one alarm (class A bits run until the reply arrives). */
export const MERGE_MS = 60_000;

/** For each bit the runs of reports that carry it, runs close together joined; ordered by beginning. */
export function alarmSpans(track: Track): AlarmSpan[] {
  let seen = 0;
  for (let k = 0; k < track.n; k++) seen |= track.alarm[k] ?? 0;
  const found: AlarmSpan[] = [];
  for (let bit = 0; bit < 32; bit++) {
    if (((seen >>> bit) & 1) === 0) continue;
    let last: AlarmSpan | null = null;
    for (const run of runs(track.n, (k) => (((track.alarm[k] ?? 0) >>> bit) & 1) === 1, track.segments)) {
      const near = last && (track.at[run.first] ?? 0) - (track.at[last.last] ?? 0) <= MERGE_MS;
      if (last && near && sameSegment(track, last.last, run.first)) last.last = run.last;
      else found.push((last = { bit, ...run }));
    }
  }
  return found.sort((a, b) => a.first - b.first || a.bit - b.bit);
}

function sameSegment(track: Track, a: number, b: number): boolean {
  return !track.holes.some((hole) => hole.before >= a && hole.after <= b);
}

/** Spans of the line to be marked: every road alarm, overlapping ones joined. */
export function markedSpans(spans: readonly AlarmSpan[]): Span[] {
  const joined: Span[] = [];
  for (const { bit, first, last } of spans) {
    if (!isRoadAlarm(bit)) continue;
    const before = joined[joined.length - 1];
    if (before && first <= before.last) before.last = Math.max(before.last, last);
    else joined.push({ first, last });
  }
  return joined;
}
