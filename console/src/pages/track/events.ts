/** The list 行程: what happened on the way, in order of time. Words are chosen by the page. */
import type { AlarmRow } from '@/api/alarms';

import { isRoadAlarm } from './alarms';
import type { AlarmSpan } from './alarms';
import type { Hole, Track } from './track';

interface Timed {
  id: string;
  from: number;
  to: number;
}

export type TrackEvent = Timed &
  (
    | { kind: 'start' | 'end' }
    | { kind: 'stop'; lat: number; lon: number; points: number }
    | { kind: 'gap'; metres: number; hole: Hole | null }
    | { kind: 'alarm' | 'device'; bit: number; maxSpeed: number; points: number }
    | { kind: 'fact'; zh: string; en: string; level: number; speed: number }
    | { kind: 'backfill'; points: number }
  );

/** Backfilled runs shorter than this are drawn but not listed. */
const LISTED_BACKFILL = 3;

export function eventsOf(
  track: Track,
  gaps: readonly { from: number; to: number; metres: number }[],
  alarms: readonly AlarmSpan[],
  facts: readonly AlarmRow[] = [],
): TrackEvent[] {
  if (!track.n) return [];
  const time = (k: number): number => track.at[k] ?? 0;
  const events: TrackEvent[] = [
    { kind: 'start', id: 'start', from: track.from, to: track.from },
    { kind: 'end', id: 'end', from: track.to, to: track.to },
  ];
  for (const stop of track.stops) {
    events.push({
      kind: 'stop',
      id: `stop-${stop.from}`,
      from: stop.from,
      to: stop.to,
      lat: stop.lat_e6 / 1e6,
      lon: stop.lon_e6 / 1e6,
      points: stop.points,
    });
  }
  for (const gap of gaps) {
    const hole = track.holes.find((h) => h.gap?.from === gap.from) ?? null;
    events.push({ kind: 'gap', id: `gap-${gap.from}`, from: gap.from, to: gap.to, metres: gap.metres, hole });
  }
  for (const { bit, first, last } of alarms) {
    let maxSpeed = 0;
    for (let k = first; k <= last; k++) maxSpeed = Math.max(maxSpeed, track.speed[k] ?? 0);
    events.push({
      kind: isRoadAlarm(bit) ? 'alarm' : 'device',
      id: `alarm-${bit}-${time(first)}`,
      from: time(first),
      to: time(last),
      bit,
      maxSpeed,
      points: last - first + 1,
    });
  }
  // bits of the alarm word stand in the track itself; what terminals report beside it is known from the alarms alone
  for (const fact of facts) {
    if (fact.source === '808' || fact.at < track.from || fact.at > track.to) continue;
    events.push({
      kind: 'fact',
      id: `fact-${fact.id}`,
      from: fact.at,
      to: Math.min(track.to, Math.max(fact.at, fact.ended_at ?? fact.at)),
      zh: fact.type_zh,
      en: fact.type_en,
      level: fact.level,
      speed: fact.speed_dkmh,
    });
  }
  for (const { first, last } of track.backfills) {
    if (last - first + 1 < LISTED_BACKFILL) continue;
    events.push({
      kind: 'backfill',
      id: `backfill-${time(first)}`,
      from: time(first),
      to: time(last),
      points: last - first + 1,
    });
  }
  const order = { start: 0, gap: 1, backfill: 2, alarm: 3, fact: 3, device: 4, stop: 5, end: 6 };
  return events.sort((a, b) => a.from - b.from || order[a.kind] - order[b.kind]);
}

/** The last event begun at `t`: the row that the list marks. */
export function currentEvent(events: readonly TrackEvent[], t: number): TrackEvent | null {
  let current: TrackEvent | null = null;
  for (const event of events) {
    if (event.from > t) break;
    current = event;
  }
  return current;
}
