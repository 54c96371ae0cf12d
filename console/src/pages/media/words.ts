/** Names of what a terminal says of a picture. */
import type { Translate } from '@/i18n';

import type { MediaItem } from './answers';
import type { mediaMessages } from './messages';

type T = Translate<(typeof mediaMessages)['zh']>;
const EVENTS = ['event.0', 'event.1', 'event.2', 'event.3', 'event.4', 'event.5', 'event.6', 'event.7'] as const;

export const eventName = (t: T, event: number): string => {
  const key = EVENTS[event];
  return key ? t(key) : t('event.other', { n: event });
};

export const channelName = (t: T, channel: number): string =>
  channel === 100 ? t('channel.100') : channel === 101 ? t('channel.101') : String(channel);

export const kindName = (t: T, item: MediaItem): string => t(item.kind === 0 ? 'kind.image' : item.kind === 1 ? 'kind.audio' : item.kind === 2 ? 'kind.video' : 'kind.other');

export function problemName(t: T, item: MediaItem): string {
  if (item.problem === 'undecodable') return t('problem.undecodable');
  if (item.problem === 'too_large') return t('problem.too_large');
  if (item.problem) return t('problem.unknown_type');
  return item.shown ? '' : t('problem.unplayable');
}
