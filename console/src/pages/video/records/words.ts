/** Keys of the words for why a record is over or was refused. */
const REASONS = ['stopped', 'limit', 'forbidden', 'ended', 'no_picture', 'record_disk', 'disk_full', 'interrupted', 'offline', 'sim_month', 'records', 'streams', 'truck_streams', 'late', 'closed_case', 'quota_month', 'unsupported'] as const;
const RULES = ['recording', 'user_records', 'no_node', 'evidence_unavailable', 'purpose_required', 'reason_required'] as const;

/** The key of the words for why a record is over or was refused; null: there are none. */
export function whyKey(code: string): `reason.${(typeof REASONS)[number]}` | `rule.${(typeof RULES)[number]}` | 'rule.online' | null {
  if (code === 'must be online') return 'rule.online';
  const reason = REASONS.find((each) => each === code);
  if (reason) return `reason.${reason}`;
  const rule = RULES.find((each) => each === code);
  return rule ? `rule.${rule}` : null;
}
