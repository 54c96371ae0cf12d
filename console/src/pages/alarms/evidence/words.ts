/** How evidence is named. */
import { useMessages } from '@/i18n';

import { evidenceMessages } from './messages';
import { channelKey } from './shown';

const t = useMessages(evidenceMessages);

export function channelText(channel: number | null): string {
  const key = channelKey(channel);
  return key === 'number' ? t('channel', { n: channel ?? 0 }) : t(`channel.${key}`);
}
