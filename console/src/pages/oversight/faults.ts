/** What to say of an act that was refused. */
import { ApiError } from '@/api/client';
import { refusalText } from '@/api/rules';
import { useMessages } from '@/i18n';

import { oversightMessages } from './messages';

const t = useMessages(oversightMessages);

export function faultOf(failure: unknown): string {
  const error = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
  if (error.unreachable) return t('away');
  if (error.status === 409) return t('changed');
  return refusalText(error);
}
