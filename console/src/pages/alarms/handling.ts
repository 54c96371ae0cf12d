/** The handling record while it is written: what the case has already, what the person changes, what still lacks. */
import type { CaseDetail, CaseWords, Correction, Handling, Measure, Verdict } from '@/api/cases';

/** Letters that an appeal has at least, as the server asks. */
export const APPEAL_LEAST = 10;

/** Reasons that go with a verdict on a type; those made for the type first. */
export function reasonsFor(words: CaseWords | null, verdict: Verdict | null, type: string): CaseWords['reasons'] {
  const fitting = (words?.reasons ?? []).filter(
    (reason) => (verdict === null || reason.verdicts.includes(verdict)) && (!reason.types || reason.types.includes(type)),
  );
  return [...fitting.filter((reason) => reason.types), ...fitting.filter((reason) => !reason.types)];
}

const PURPOSES: readonly Measure[] = ['tts', 'call', 'stop'];

/** What the record holds, or what the case's own story says where a field is still empty. */
export function draftOf(detail: CaseDetail): Handling {
  const { record, commands, case: row } = detail;
  const given = PURPOSES.filter((purpose) => commands.some((command) => command.purpose === purpose));
  if (!given.length && (row.reminder === 'sent' || row.reminder === 'delivered')) given.push('tts');
  return {
    verdict: record.verdict,
    reason: record.reason ?? '',
    actions: record.actions.length ? record.actions : given,
    driver_reply: record.driver_reply ?? '',
    correction: record.correction ?? row.check?.result ?? null,
    text: record.text ?? '',
  };
}

/** The reason that the truck's own data speak for, where the policy in force has it; a person may choose another. */
function suggested(draft: Handling, fault: boolean): string {
  if (fault) return 'device_repair';
  if (draft.correction === 'corrected') return draft.actions.includes('tts') ? 'stopped_after_reminder' : 'stopped_by_itself';
  return draft.correction === 'not' ? 'continued' : '';
}

/**
 * The record for a verdict. A reason that does not go with it is dropped. A confirmation takes the reason that the data speak for; for a
 * false alarm and where nothing can be decided the person always says why. Nothing known of the correction is `unknown`, which never
 * counts as corrected.
 */
export function forVerdict(draft: Handling, verdict: Verdict, words: CaseWords | null, of: { type: string; fault: boolean }): Handling {
  const reasons = reasonsFor(words, verdict, of.type);
  const has = (code: string): boolean => reasons.some((each) => each.code === code);
  const guess = verdict === 'true' ? suggested(draft, of.fault) : '';
  const reason = has(draft.reason) ? draft.reason : has(guess) ? guess : '';
  const actions: Measure[] = draft.actions.length ? draft.actions : verdict === 'true' ? [] : ['ignore'];
  const correction: Correction = draft.correction ?? 'unknown';
  return { ...draft, verdict, reason, actions, correction };
}

export type Field = 'verdict' | 'reason' | 'actions' | 'driver_reply' | 'correction' | 'text';

/** The first field without which nothing can be submitted; the server has the last word on the others. */
export function firstLacking(record: Handling): Field | null {
  if (!record.verdict) return 'verdict';
  if (!record.reason) return 'reason';
  if (!record.actions.length) return 'actions';
  if (!record.correction) return 'correction';
  // who called says what was answered; "other" says what it was
  if (record.actions.includes('call') && !record.driver_reply.trim()) return 'driver_reply';
  return record.reason === 'other' && !record.text.trim() ? 'text' : null;
}

/** What the person left unsaid: that there was no call, and the facts of the case in a line. */
export function unsaid(record: Handling, words: { reply: string; text: () => string }): Handling {
  return { ...record, driver_reply: record.driver_reply.trim() || words.reply, text: record.text.trim() || words.text() };
}

export function toggled(actions: readonly Measure[], measure: Measure): Measure[] {
  if (measure === 'ignore') return actions.includes('ignore') ? [] : ['ignore'];
  const others = actions.filter((each) => each !== measure && each !== 'ignore');
  return actions.includes(measure) ? others : [...others, measure];
}
