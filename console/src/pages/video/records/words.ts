import { ApiError } from '@/api/client';
import { ruleText } from '@/api/rules';
import { say, useMessages } from '@/i18n';

import { QUOTAS } from '../reasons';

import { recordMessages } from './messages';

export const useRecordWords = () => useMessages(recordMessages);

/** Keys of the words for why a record is over or was refused. */
const REASONS = ['stopped', 'limit', 'forbidden', 'ended', 'no_picture', 'record_disk', 'disk_full', 'interrupted', 'offline', 'sim_month', 'records', 'streams', 'truck_streams', 'late', 'closed_case', 'quota_month', 'unsupported'] as const;
const RULES = ['recording', 'user_records', 'no_node', 'evidence_unavailable', 'purpose_required', 'reason_required'] as const;

/** The key of the words for why a record is over or was refused; null: there are none. */
export function whyKey(code: string): `reason.${(typeof REASONS)[number]}` | `rule.${(typeof RULES)[number]}` | 'rule.online' | 'rule.closed_case' | null {
  if (code === 'must be online') return 'rule.online';
  if (code === 'is closed') return 'rule.closed_case';
  const reason = REASONS.find((each) => each === code);
  if (reason) return `reason.${reason}`;
  const rule = RULES.find((each) => each === code);
  return rule ? `rule.${rule}` : null;
}

/** Why no record was begun. */
export function startFailure(failure: unknown, t: ReturnType<typeof useRecordWords>): string {
  const error = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
  const key = whyKey(error.rule);
  const quota = error.field === 'quota' ? QUOTAS[error.rule] : undefined;
  return t('failed', { why: key ? t(key) : quota ? say(quota) : ruleText(error.rule) });
}
