import { describe, expect, it } from 'vitest';

import type { AlarmRow } from '@/api/alarms';
import { alarmName } from '@/format/alarm';
import { ORIGIN_BACKFILL } from '@/pages/track/answer';
import { ROAD_MASK, alarmSpans, isRoadAlarm, markedSpans } from '@/pages/track/alarms';
import { currentEvent, eventsOf } from '@/pages/track/events';
import { buildTrack } from '@/pages/track/track';

import { answerOf } from './sample';
import type { SamplePoint } from './sample';

const S = 1000;
const OVERSPEED = 1 << 1;
const CAMERA = 1 << 11;

function drive(alarms: number[], step = 30): SamplePoint[] {
  return alarms.map((alarm, k) => ({ at: k * step * S, lat: 23 + k * 0.005, speed: 70 + k, alarm }));
}

describe('alarm spans', () => {
  it('join a run of reports with the same bit', () => {
    const track = buildTrack(answerOf(drive([0, OVERSPEED, OVERSPEED, 0])));
    expect(alarmSpans(track)).toEqual([{ bit: 1, first: 1, last: 2 }]);
  });

  it('join runs that are a minute apart but not those further apart', () => {
    const near = buildTrack(answerOf(drive([OVERSPEED, 0, OVERSPEED])));
    const far = buildTrack(answerOf(drive([OVERSPEED, 0, 0, OVERSPEED])));
    expect(alarmSpans(near)).toHaveLength(1);
    expect(alarmSpans(far)).toHaveLength(2);
  });

  it('never reach across a gap', () => {
    const points = drive([OVERSPEED, OVERSPEED]);
    points.push({ at: 40 * S, lat: 23.5, alarm: OVERSPEED });
    const gap = { from: 30 * S, to: 40 * S, metres: 50_000, from_index: 1 };
    expect(alarmSpans(buildTrack(answerOf(points, [gap])))).toHaveLength(2);
  });

  it('read bit 31 as well', () => {
    expect(alarmSpans(buildTrack(answerOf(drive([0x8000_0000]))))).toEqual([{ bit: 31, first: 0, last: 0 }]);
  });

  it('mark the line for what the driver did, not for a faulty part', () => {
    const track = buildTrack(answerOf(drive([CAMERA, CAMERA | OVERSPEED, CAMERA])));
    expect(markedSpans(alarmSpans(track))).toEqual([{ first: 1, last: 1 }]);
    expect([isRoadAlarm(1), isRoadAlarm(11)]).toEqual([true, false]);
    expect(ROAD_MASK & CAMERA).toBe(0);
  });

  it('name the three bits by edition', () => {
    expect([alarmName(3, 2011), alarmName(3, 2013), alarmName(3, 2019)]).toEqual(['预警', '危险预警', '危险驾驶行为报警']);
    expect(alarmName(29, 2013)).not.toBe(alarmName(29, 2019));
    expect([alarmName(1, undefined), alarmName(32, 2019)]).toEqual(['超速报警', '32']);
  });
});

describe('the list of events', () => {
  const points = drive([0, OVERSPEED, OVERSPEED, 0, CAMERA]);
  points.push(...[600, 610, 620].map((s) => ({ at: s * S, lat: 23.6, origin: ORIGIN_BACKFILL })));
  const gap = { from: 120 * S, to: 600 * S, metres: 64_000, from_index: 4 };
  const stop = { from: 605 * S, to: 620 * S, lat_e6: 23_600_000, lon_e6: 113_000_000, points: 2 };
  const track = buildTrack(answerOf(points, [gap], [stop]));
  const events = eventsOf(track, [gap], alarmSpans(track));

  it('is in order of time, from start to end', () => {
    expect(events.map((e) => e.kind)).toEqual(['start', 'alarm', 'gap', 'device', 'backfill', 'stop', 'end']);
  });

  it('tells the highest speed during an alarm', () => {
    expect(events[1]).toMatchObject({ bit: 1, maxSpeed: 720, points: 2 });
  });

  it('counts the backfilled points of a run', () => {
    expect(events[4]).toMatchObject({ kind: 'backfill', points: 3 });
  });

  it('has the last begun event as the current one', () => {
    expect(currentEvent(events, 60 * S)?.kind).toBe('alarm');
    expect(currentEvent(events, 700 * S)?.kind).toBe('end');
  });

  it('is empty without points', () => {
    expect(eventsOf(buildTrack(answerOf([])), [], [])).toEqual([]);
  });
});

describe('alarms of the truck beside the bits', () => {
  it('are listed where they happened, those of the alarm word only once', () => {
    const track = buildTrack(answerOf(drive([0, OVERSPEED, 0])));
    const fact = { id: 'a', source: 'dsm', at: 45 * S, ended_at: null, type_zh: '抽烟', type_en: 'Smoking', level: 2, speed_dkmh: 710 } as AlarmRow;
    const events = eventsOf(track, [], alarmSpans(track), [fact, { ...fact, id: 'b', source: '808' }, { ...fact, id: 'c', at: 999 * S }]);
    expect(events.filter((event) => event.kind === 'fact').map((event) => [event.id, event.from, event.to])).toEqual([['fact-a', 45 * S, 45 * S]]);
    expect(events.filter((event) => event.kind === 'alarm')).toHaveLength(1);
  });
});
