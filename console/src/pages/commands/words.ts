import type { Locale } from '@/i18n';
import { VEHICLE_CLASSES } from '@/pages/assets/nouns/vehicle';

import { isOpen, STATES } from './answers';
import type { Batch, Command, CommandState, Kind } from './answers';
import { commandMessages } from './messages';
import type { Share } from './ShareBar.vue';

type Key = keyof typeof commandMessages.zh;

const word = (key: string, locale: Locale): string => commandMessages[locale][key as Key] ?? '';

/** A kind that people do not choose from the list has its name here. */
export const kindName = (kind: Pick<Kind, 'zh' | 'en'> | undefined, code: string, locale: Locale): string =>
  kind ? kind[locale] : word(`kind.${code}`, locale) || code;

/** A class of vehicles as the server names it, in English where the console knows it. */
export const className = ({ value, zh }: { value: string; zh: string }, locale: Locale): string => (locale === 'en' ? (VEHICLE_CLASSES.find((each) => each.value === value)?.en ?? zh) : zh);

/** Why a command is where it is; a code nobody knows is shown as it is. */
export function resultName(result: string, locale: Locale): string {
  return word(`result.${result}`, locale) || result;
}

/** Why it was sent, as the person wrote it; what the platform gives as a reason by itself is said in words. */
export const reasonText = (reason: string, locale: Locale): string => word(`why.${reason}`, locale) || reason;

/** One line for a command: its result once it has one, else what it waits for. */
export function lineOf(command: Pick<Command, 'state' | 'result'>, locale: Locale): string {
  if (command.state === 'queued' && command.result === 'offline') return word('waiting.offline', locale);
  if (command.state === 'queued' && command.result === 'link_lost') return word('waiting.link', locale);
  return command.result ? resultName(command.result, locale) : '';
}

const TONES: Record<CommandState, Share['tone']> = { answered: 'ok', failed: 'alarm', expired: 'warn', cancelled: 'off', sent: 'primary', queued: 'off' };
/** What is over stands first, what waits last. */
const IN_THE_BAR: readonly CommandState[] = ['answered', 'failed', 'expired', 'cancelled', 'sent', 'queued'];

export const tone = (state: CommandState): 'ok' | 'warn' | 'alarm' | 'primary' | '' => {
  const found = TONES[state];
  return found === 'off' ? '' : found;
};

export const sharesOf = (batch: Batch, locale: Locale): Share[] =>
  IN_THE_BAR.map((state) => ({ key: state, name: word(`state.${state}`, locale), number: batch.counts[state], tone: TONES[state] }));

export const endedOf = (batch: Batch): number => STATES.filter((state) => !isOpen(state)).reduce((sum, state) => sum + batch.counts[state], 0);
