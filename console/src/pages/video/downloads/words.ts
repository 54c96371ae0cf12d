/** Keys of the words for the codes of a download. */
const REASONS = [
  'turn', 'offline', 'network', 'again', 'broken', 'storing', 'cancelling', 'terminal', 'no_connection', 'stalled', 'too_large', 'too_many_files', 'empty', 'no_terminal', 'disk', 'not_confirmed', 'no_notice', 'forbidden',
] as const;
const ANSWERS = ['failure', 'unsupported', 'message_error', 'no_answer', 'offline'] as const;
const RULES = [
  'duplicate', 'sim_month', 'truck_downloads', 'user_downloads', 'off', 'too_large', 'paused', 'not_paused', 'ended', 'purpose_required', 'reason_required', 'forbidden', 'others', 'of_case', 'not_held',
] as const;

const among = <T extends string>(all: readonly T[], code: string): T | undefined => all.find((each) => each === code);

/** Keys of the words for the codes of a download; null: there are none. */
export const reasonKey = (code: string) => {
  const known = among(REASONS, code);
  return known ? (`reason.${known}` as const) : null;
};
export const answerKey = (code: string) => {
  const known = among(ANSWERS, code);
  return known ? (`answer.${known}` as const) : null;
};
export const ruleKey = (rule: string) => {
  if (rule === 'is no list of this truck') return 'rule.list' as const;
  if (rule === 'is closed') return 'rule.closed_case' as const;
  const known = among(RULES, rule);
  return known ? (`rule.${known}` as const) : null;
};
