/** How the page says lengths of time, distances and events, in the chosen language. */
import { alarmName } from '@/format/alarm';
import { kmh } from '@/format/number';
import { say, useMessages } from '@/i18n';

import type { TrackEvent } from './events';
import { trackMessages } from './messages';

const t = useMessages(trackMessages);

/** 45 秒, 28 分, 4 小时 31 分, 2 天 3 小时: two units at most, the smaller one left out where it is 0. */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return t('unit_s', { n: s });
  const m = Math.round(s / 60);
  if (m < 60) return t('unit_min', { n: m });
  const h = Math.floor(m / 60);
  if (h < 48) return m % 60 ? t('unit_hm', { h, m: m % 60 }) : t('unit_h', { n: h });
  return t('unit_dh', { d: Math.floor(h / 24), h: h % 24 });
}

/** Seconds of the trip that one second of replay shows. */
export function pace(seconds: number): string {
  if (seconds < 60) return t('unit_s', { n: seconds });
  return seconds % 60 ? t('unit_ms', { m: Math.floor(seconds / 60), s: seconds % 60 }) : t('unit_min', { n: seconds / 60 });
}

export function kilometres(metres: number): string {
  return (metres / 1000).toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

export function eventTitle(event: TrackEvent, edition: number | undefined): string {
  switch (event.kind) {
    case 'start':
      return t('depart');
    case 'end':
      return t('arrive');
    case 'stop':
      return t('stopFor', { time: span(event.to - event.from) });
    case 'gap':
      return t('gapFor', { time: span(event.to - event.from) });
    case 'fact':
      return say(event);
    case 'backfill':
      return t('backfillFor', { n: event.points });
    default:
      return alarmName(event.bit, edition);
  }
}

export function eventDetail(event: TrackEvent): string {
  const time = span(event.to - event.from);
  switch (event.kind) {
    case 'stop':
      return `${event.lat.toFixed(5)}, ${event.lon.toFixed(5)}`;
    case 'gap':
      return t('gapDetail', { km: kilometres(event.metres) });
    case 'alarm':
      return t('alarmDetail', { time, kmh: kmh(event.maxSpeed) });
    case 'fact':
      return [event.level ? t('factLevel', { n: event.level }) : '', `${kmh(event.speed)} km/h`].filter(Boolean).join(' · ');
    case 'device':
      return t('deviceDetail', { time });
    case 'backfill':
      return t('backfillDetail', { time });
    default:
      return '';
  }
}
