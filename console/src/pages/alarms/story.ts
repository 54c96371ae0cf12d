/** How the desk says what happened to a case. */
import type { CaseDetail, CaseRow, CaseWords, Step } from '@/api/cases';
import { GRADES, gradeOf } from '@/format/grade';
import { kmh } from '@/format/number';
import { clock } from '@/format/time';
import { listed, locale, say, useMessages } from '@/i18n';
import { resultName } from '@/pages/commands/words';
import { recordMessages } from '@/pages/video/records/messages';
import { whyKey } from '@/pages/video/records/words';

import type { TimeMark } from './evidence/TimeLine.vue';
import { alarmMessages } from './messages';

const t = useMessages(alarmMessages);
const r = useMessages(recordMessages);

export const typeName = (row: Pick<CaseRow, 'type' | 'type_zh' | 'type_en'>): string => (locale.value === 'zh' ? row.type_zh : row.type_en) || row.type;

/** A word of the desk where it has one, else the code. */
export function word(group: string, code: string): string {
  const words: Readonly<Record<string, string>> = alarmMessages[locale.value];
  return words[`${group}.${code}`] ?? code;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '');

/** What a step says beside its name, from what is known of its kind; empty where nothing is to be said. */
export function stepDetail(step: Step, words: CaseWords | null): string {
  const { detail } = step;
  const parts: string[] = [];
  if (step.act.startsWith('record_') && typeof detail.channel === 'number') parts.push(t('step.channel', { n: detail.channel }));
  if (detail.grade !== undefined) parts.push(`G${gradeOf(detail.grade)} ${say(GRADES[gradeOf(detail.grade)])}`);
  if (typeof detail.result === 'string') parts.push(step.act === 'checked' ? word('correction', detail.result) : resultName(detail.result, locale.value));
  if (typeof detail.after_s === 'number') parts.push(`${detail.after_s} s`);
  if (typeof detail.verdict === 'string') parts.push(word('verdict', detail.verdict));
  if (typeof detail.purpose === 'string') parts.push(word('measure', detail.purpose));
  if (typeof detail.reason === 'string') {
    const reason = words?.reasons.find((each) => each.code === detail.reason);
    const why = step.act.startsWith('record_') ? whyKey(detail.reason) : null;
    parts.push(reason ? say(reason) : why ? r(why) : detail.reason);
  }
  if (step.act === 'escalated' && Array.isArray(detail.to)) parts.push(listed(detail.to.map((to) => word('to', text(to)))));
  if (step.act === 'handed_over') parts.push(`→ ${text(detail.name) || t('handOver.shift')}`);
  if (step.act === 'snoozed' && typeof detail.until === 'number') parts.push(t('state.snoozed', { time: clock(detail.until) }));
  for (const name of ['note', 'text', 'cause']) if (text(detail[name])) parts.push(text(detail[name]));
  if (typeof detail.files === 'number') parts.push(locale.value === 'zh' ? `${detail.files} 个附件` : `${detail.files} files`);
  return parts.join(' · ');
}

export function stepName(step: Step, words: CaseWords | null): string {
  const known = words?.steps.find((each) => each.code === step.act);
  return known ? say(known) : step.act;
}

const MARKED: Readonly<Record<string, TimeMark['tone']>> = {
  tts_sent: 'ok', tts_delivered: 'ok', tts_failed: 'warn', command: 'ok', checked: 'ok', escalated: 'warn',
};

/** What was done within the minute of the alarm, for the time line. */
export function marksOf(detail: Pick<CaseDetail, 'steps' | 'curve' | 'case'>, words: CaseWords | null): TimeMark[] {
  const zero = detail.curve?.alarm_at ?? detail.case.started_at;
  return detail.steps.flatMap((step): TimeMark[] => {
    const tone = MARKED[step.act];
    if (!tone || step.act === 'tts_delivered') return [];
    const after = step.act === 'checked' && typeof step.detail.after_s === 'number' ? `+${step.detail.after_s} s ` : '';
    const failed = step.act === 'checked' && step.detail.result !== 'corrected';
    const name = step.act === 'checked' ? after + word('correction', text(step.detail.result)) : `${clock(step.at)} ${stepName(step, words)}`;
    return [{ at: step.at - zero, text: name, tone: failed ? 'warn' : tone }];
  });
}

/** Files that a person can look at: the record of the vehicle's state is none of them. */
export function lookable(detail: Pick<CaseDetail, 'evidence' | 'case'>): number {
  const { evidence } = detail;
  if (!evidence?.length) return detail.case.evidence.files;
  const looked = evidence.filter((file) => (file.kind === 'picture' || file.kind === 'video' || file.kind === 'audio') && file.readable !== false);
  return looked.length + Math.max(0, detail.case.evidence.files - evidence.length);
}

/** What the person who opens the case must know first: why it came back, or what was said when it was handed over. */
export function newsOf(detail: Pick<CaseDetail, 'steps' | 'case'>): { key: 'returned' | 'handedOver'; name: string; note: string; at: number } | null {
  const { state } = detail.case;
  for (const step of [...detail.steps].reverse()) {
    if (step.act === 'verdict' || step.act === 'closed') return null;
    const key = step.act === 'returned' ? 'returned' : step.act === 'handed_over' ? 'handedOver' : null;
    if (key && text(step.detail.note) && ['open', 'returned', 'claimed', 'snoozed'].includes(state)) return { key, name: step.by?.name ?? '', note: text(step.detail.note), at: step.at };
  }
  return null;
}

/** The case in a line, from its own data: what is recorded where the person adds nothing. */
export function factsOf(detail: CaseDetail): string {
  const { case: row, record, commands } = detail;
  const parts = [`${clock(row.started_at)} ${typeName(row)}`];
  if (row.speed_dkmh !== null) parts.push(`${kmh(row.speed_dkmh)} km/h`);
  if (row.count > 1) parts.push(t('merged', { n: row.count }));
  for (const command of commands) parts.push(`${clock(command.created_at)} ${t(`send.${command.purpose}`)}`);
  if (row.check) parts.push(`+${row.check.after_s} s ${t(`correction.${row.check.result}`)}`);
  parts.push(`${t('step.evidence')} ${record.evidence_viewed.length} / ${Math.max(lookable(detail), record.evidence_viewed.length)}`);
  return parts.join(locale.value === 'zh' ? '；' : '; ');
}

export type StepState = 'done' | 'now' | 'open' | 'bad';

export interface MustStep {
  key: 'evidence' | 'reminder' | 'check' | 'verdict' | 'verify';
  name: string;
  state: StepState;
  about: string;
}

/** The required steps, with what is known of each. */
export function mustSteps(detail: CaseDetail, now: number): MustStep[] {
  const { case: row, record, status, clocks } = detail;
  const files = lookable(detail);
  const seen = record.evidence_viewed.length;
  const checks = clocks.checks_s.join(' / ');
  const nextCheck = clocks.checks_s.map((s) => row.started_at + s * 1000).find((at) => at > now);
  return [
    {
      key: 'evidence',
      name: t('step.evidence'),
      state: seen ? 'done' : files ? 'open' : 'done',
      about: files ? (seen ? t('step.evidence.done', { n: seen, all: files }) : t('step.evidence.todo')) : t('step.evidence.none'),
    },
    {
      key: 'reminder',
      name: t('step.reminder'),
      state: row.reminder === 'delivered' ? 'done' : row.reminder === 'failed' ? 'bad' : row.reminder === 'sent' ? 'now' : 'open',
      about: t(`step.reminder.${row.reminder}`),
    },
    {
      key: 'check',
      name: t('step.check', { times: checks || '—' }),
      state: row.check ? (row.check.result === 'corrected' ? 'done' : 'bad') : nextCheck && checks ? 'now' : 'open',
      about: row.check
        ? `${t(`correction.${row.check.result}`)} +${row.check.after_s} s`
        : !checks
          ? t('step.check.none')
          : nextCheck
            ? t('step.check.wait', { s: Math.ceil((nextCheck - now) / 1000) })
            : t('step.check.pending'),
    },
    {
      key: 'verdict',
      name: t('step.verdict'),
      state: status.handled ? 'done' : 'now',
      about: record.verdict && status.handled ? t(`verdict.${record.verdict}`) : t('step.verdict.now'),
    },
    {
      key: 'verify',
      name: t('step.verify'),
      state: status.verified ? 'done' : status.handled && clocks.verify ? 'now' : 'open',
      about: status.verified
        ? t('step.verify.by', { name: status.verified_by?.name ?? '', time: status.verified_at ? clock(status.verified_at) : '' })
        : t(clocks.verify ? 'step.verify.wait' : 'step.verify.not'),
    },
  ];
}
