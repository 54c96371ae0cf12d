/** What the person does with the open case: the record that is being written, verdicts, measures, and the acts beside them. */
import { ref, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';

import { caseApi } from '@/api/cases';
import type { Acted, CaseRow, CaseWords, Correction, Handling, Measure, Verdict } from '@/api/cases';
import { ApiError, request } from '@/api/client';
import { refusalText } from '@/api/rules';
import { plateText } from '@/format/plate';
import { locale, useMessages } from '@/i18n';

import type { Answered, Asked } from './DeskDialog.vue';
import { draftOf, firstLacking, forVerdict, toggled, unsaid } from './handling';
import type { Field } from './handling';
import type { Verdict as Button } from './keys';
import { alarmMessages } from './messages';
import type { OpenCase } from './open-case';
import { factsOf, word } from './story';

const EMPTY: Handling = { verdict: null, reason: '', actions: [], driver_reply: '', correction: null, text: '' };
const VERDICT_OF: Readonly<Partial<Record<Button, Verdict>>> = { confirm: 'true', false_alarm: 'false', undecidable: 'undecided' };
const MEASURES: readonly ('tts' | 'call' | 'stop')[] = ['tts', 'call', 'stop'];
const CORRECTIONS: readonly Correction[] = ['corrected', 'not', 'unknown'];

export interface Fault {
  text: string;
  field: Field | null;
}

export interface Acting {
  draft: Ref<Handling>;
  fault: Ref<Fault | null>;
  /** What was done last, for the eye and for who hears the screen. */
  told: Ref<string>;
  asked: Ref<Asked | null>;
  /** The verdict that waits for a field. */
  waits: Ref<Verdict | null>;
  press: (button: Button, next: boolean) => Promise<void>;
  /** Submits the verdict that waits. */
  submit: () => Promise<void>;
  measure: (index: number) => Promise<void>;
  correct: (index: number) => void;
  toggleMeasure: (measure: Measure) => void;
  answer: (given: Answered) => Promise<void>;
  claim: () => Promise<void>;
  wake: () => Promise<void>;
  askFiles: () => Promise<void>;
}

/** `next` goes on to another case; `focus` puts the hand on a field of the record. */
export function useActing(open: OpenCase, words: () => CaseWords | null, next: (from: CaseRow) => void, focus: (field: Field) => void): Acting {
  const t = useMessages(alarmMessages);
  const draft = ref<Handling>({ ...EMPTY });
  const fault = shallowRef<Fault | null>(null);
  const told = ref('');
  const asked = ref<Asked | null>(null);
  const waits = ref<Verdict | null>(null);
  let goOn = false;
  let touched = false;

  // What the person has typed stays while the case is read anew; another case begins with its own record.
  watch(
    () => open.detail.value,
    (detail, before) => {
      const other = detail?.case.id !== before?.case.id;
      if (other) {
        touched = false;
        waits.value = null;
        fault.value = null;
        asked.value = null;
      }
      if (!detail) take({ ...EMPTY });
      else if (!touched) take(draftOf(detail));
    },
    { immediate: true },
  );
  // a dialog begins without what was wrong before it
  watch(asked, (kind) => kind && (fault.value = null), { flush: 'sync' });
  watch(draft, () => (touched = true), { deep: true, flush: 'sync' });
  // an old refusal is none of what is asked now
  watch(asked, (kind) => kind && (fault.value = null));

  /** The record as it stands, nothing of it the person's own. */
  function take(record: Handling): void {
    draft.value = record;
    touched = false;
  }

  function fieldOf(name: string | null): Field | null {
    return name === 'verdict' || name === 'reason' || name === 'actions' || name === 'driver_reply' || name === 'correction' || name === 'text' ? name : null;
  }

  function failed(failure: unknown): void {
    const error = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
    const field = fieldOf(error.field);
    const why = error.field === 'version' ? t('conflict', { why: refusalText(error) }) : refusalText(error);
    fault.value = { text: field ? `${word('field', field)}${locale.value === 'zh' ? '：' : ': '}${why}` : why, field };
    if (field) focus(field);
  }

  /** `written`: the act took the record in, so what the server says of it counts again. */
  async function run(saved: (plate: string) => string, act: (row: CaseRow) => Promise<Acted>, written = false): Promise<boolean> {
    const row = open.detail.value?.case;
    if (!row || open.busy.value) return false;
    fault.value = null;
    try {
      await open.act(act);
      if (written) touched = false;
      told.value = saved(plateText(row.plate));
      return true;
    } catch (failure) {
      failed(failure);
      return false;
    }
  }

  function refuse(button: string): void {
    fault.value = { text: t('notNow', { act: word('act', button) }), field: null };
  }

  async function submit(): Promise<void> {
    const detail = open.detail.value;
    const verdict = waits.value;
    if (!detail || !verdict) return;
    const { case: row } = detail;
    draft.value = forVerdict(draft.value, verdict, words(), row);
    const lacking = firstLacking(draft.value);
    if (lacking) {
      fault.value = { text: t('missing', { fields: t(`field.${lacking}`) }), field: lacking };
      focus(lacking);
      return;
    }
    const record = unsaid(draft.value, { reply: t('reply.none'), text: () => t('text.auto') + factsOf(detail) });
    const on = goOn;
    await open.flush();
    if (await run((plate) => t('saved.verdict', { plate, verdict: t(`verdict.${verdict}`) }), (now) => caseApi.verdict(now.id, now.version, record), true)) {
      waits.value = null;
      goOn = false;
      if (!on) return;
      // going on is being done with it: what needs nobody else is closed as well
      const done = open.detail.value;
      if (done?.case.id === row.id && done.may.close && !(await run((plate) => t('saved.close', { plate }), (now) => caseApi.close(now.id, now.version)))) return;
      next(row);
    }
  }

  async function press(button: Button, on: boolean): Promise<void> {
    const detail = open.detail.value;
    if (!detail || open.busy.value) return;
    const { may, case: row } = detail;
    goOn = on;
    const verdict = VERDICT_OF[button];
    if (verdict && may.verdict) {
      waits.value = verdict;
      return submit();
    }
    if (button === 'confirm' && may.verify) asked.value = 'verify';
    else if (button === 'false_alarm' && may.return) asked.value = 'return';
    else if (button === 'hand_over' && may.hand_over) asked.value = 'hand_over';
    else if (button === 'close' && may.close) {
      if ((await run((plate) => t('saved.close', { plate }), (now) => caseApi.close(now.id, now.version))) && on) next(row);
    } else refuse(button);
  }

  async function measure(index: number): Promise<void> {
    const purpose = MEASURES[index];
    const detail = open.detail.value;
    if (!purpose || !detail || open.busy.value) return;
    if (!detail.may[purpose]) {
      fault.value = { text: t('notNow', { act: t(`send.${purpose}`) }), field: null };
      return;
    }
    if (purpose !== 'tts') {
      goOn = false;
      asked.value = purpose;
      return;
    }
    await command(purpose, {});
  }

  async function command(purpose: 'tts' | 'call' | 'stop', given: { text?: string; phone?: string }): Promise<boolean> {
    const done = await run((plate) => t('saved.command', { plate }), (row) => caseApi.command(row.id, row.version, purpose, given));
    const own = touched;
    if (done && !draft.value.actions.includes(purpose)) draft.value = { ...draft.value, actions: toggled(draft.value.actions, purpose) };
    touched = own;
    return done;
  }

  async function noteCall(): Promise<boolean> {
    if (!draft.value.actions.includes('call')) draft.value = { ...draft.value, actions: toggled(draft.value.actions, 'call') };
    focus('driver_reply');
    return true;
  }

  function correct(index: number): void {
    const found = CORRECTIONS[index];
    if (found && open.detail.value?.may.verdict) draft.value = { ...draft.value, correction: found };
  }

  async function answer(given: Answered): Promise<void> {
    const detail = open.detail.value;
    const kind = asked.value;
    if (!detail || !kind) return;
    const { case: row } = detail;
    const { text } = given;
    const acts: Record<Asked, () => Promise<boolean>> = {
      hand_over: () => run((plate) => t('saved.handOver', { plate }), (now) => caseApi.handOver(now.id, now.version, given.to, text)),
      snooze: () => run((plate) => t('saved.snooze', { plate }), (now) => caseApi.snooze(now.id, now.version, given.minutes * 60, text)),
      release: () => run((plate) => t('saved.release', { plate }), (now) => caseApi.release(now.id, now.version, text)),
      return: () => run((plate) => t('saved.return', { plate }), (now) => caseApi.return(now.id, now.version, text)),
      verify: () => run((plate) => t('saved.verify', { plate }), (now) => caseApi.verify(now.id, now.version, text, given.audited)),
      appeal: () => run((plate) => t('saved.appeal', { plate }), (now) => caseApi.appeal(now.id, now.version, text)),
      call: () => (given.noted ? noteCall() : command('call', { phone: text })),
      stop: () => command('stop', text ? { text } : {}),
    };
    const on = goOn;
    if (!(await acts[kind]())) return;
    asked.value = null;
    goOn = false;
    if (on) next(row);
  }

  async function askFiles(): Promise<void> {
    const detail = open.detail.value;
    const found = detail?.alarms.find((alarm) => alarm.files > 0 && alarm.identification);
    if (!detail || !found) return;
    const { vehicle_id: vehicle, type: event } = detail.case;
    fault.value = null;
    try {
      await request('/api/evidence/requests', { body: { vehicle, identification: found.identification, event, alarm_at: found.at } });
      told.value = t('saved.ask');
      void open.reload();
    } catch (failure) {
      failed(failure);
    }
  }

  return {
    draft, fault, told, asked, waits, press, submit, measure, correct, answer, askFiles,
    toggleMeasure: (each) => (draft.value = { ...draft.value, actions: toggled(draft.value.actions, each) }),
    claim: async () => void (await run((plate) => t('saved.claim', { plate }), (row) => caseApi.claim(row.id, row.version))),
    wake: async () => void (await run((plate) => t('saved.wake', { plate }), (row) => caseApi.wake(row.id, row.version))),
  };
}
