import { share } from '@/format/number';
import type { Locale, Translate } from '@/i18n';

import type { Share } from '../ShareBar.vue';
import { resultName } from '../words';

import { OPEN_STEPS, RESULTS } from './answers';
import type { Order, OrderVehicle, Result, Stage } from './answers';
import { upgradeMessages } from './messages';

type T = Translate<(typeof upgradeMessages)['zh']>;
type Key = keyof typeof upgradeMessages.zh;
const TONES: Record<Result, Share['tone']> = { success: 'ok', failed: 'alarm', skipped: 'off', unreached: 'warn', cancelled: 'off' };

export const tone = (result: Result | ''): '' | 'ok' | 'warn' | 'alarm' | 'primary' => {
  if (!result) return 'primary';
  const found = TONES[result];
  return found === 'off' ? '' : found;
};

export const endedOf = (stage: Stage): number => RESULTS.reduce((sum, key) => sum + (stage.counts[key] ?? 0), 0);

export function sharesOf(stages: readonly Stage[], t: T): Share[] {
  const sum = (key: keyof Stage['counts']): number => stages.reduce((total, stage) => total + (stage.counts[key] ?? 0), 0);
  const ended = RESULTS.map((key) => ({ key, name: t(`result.${key}`), number: sum(key), tone: TONES[key] }));
  const steps = OPEN_STEPS.filter((key) => key !== 'waiting').map((key) => ({ key, name: t(`step.${key}`), number: sum(key), tone: 'primary' as const }));
  return [...ended, ...steps];
}

/** Where a stage stands: not begun, under way, passed, or ended with its order. */
export function stageState(stage: Stage, order: Pick<Order, 'stage' | 'state' | 'cause'>): 'waiting' | 'running' | 'passed' | 'ended' {
  if (stage.started_at === null) return 'waiting';
  if (stage.number < order.stage || order.state === 'done' || order.cause === 'stage_done') return 'passed';
  return stage.ended_at === null ? 'running' : 'ended';
}

/** Successes among those that got the command; nobody: no rate. */
export function rate(stage: Stage): string | null {
  const good = stage.counts.success ?? 0;
  const tried = good + (stage.counts.failed ?? 0);
  return tried ? share(good, tried) : null;
}

export const lasting = (seconds: number, t: T): string =>
  seconds >= 7_200 && seconds % 3_600 === 0 ? t('hours', { n: seconds / 3_600 }) : t('minutes', { n: Math.round(seconds / 60) });

/** What is upgraded (JT/T 808-2019 table 54), in English where it is known. */
const TYPES_EN: Readonly<Record<number, string>> = { 0: 'Terminal', 12: 'IC card reader of the transport certificate', 52: 'Satellite positioning module' };
export const typeName = ({ value, zh }: { value: number; zh: string }, locale: Locale): string => (locale === 'en' ? (TYPES_EN[value] ?? zh) : zh);

const word = (key: string, locale: Locale): string => upgradeMessages[locale][key as Key] ?? '';
export const whyName = (cause: string, locale: Locale): string => (cause ? word(`why.${cause}`, locale) || resultName(cause, locale) : '');
export const causeName = (cause: string, locale: Locale): string => word(`cause.${cause}`, locale);

/** Why a vehicle is where it is: its proof, its cause, how far it is, or what it waits for. */
export function said(row: OrderVehicle, locale: Locale): string {
  if (row.result === 'success') return word(`proof.${row.proof}`, locale) || row.proof;
  if (row.step === 'over') return whyName(row.cause, locale);
  if (row.progress) return `${row.progress.split(' ')[1] ?? ''} %`;
  if (row.step === 'ready') return '';
  return row.waits && row.waits !== 'success' ? resultName(row.waits, locale) : '';
}
