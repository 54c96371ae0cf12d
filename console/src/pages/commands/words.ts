import type { Locale } from '@/i18n';

import type { Command, CommandState, Kind } from './answers';
import { commandMessages } from './messages';

type Key = keyof typeof commandMessages.zh;

const word = (key: string, locale: Locale): string => commandMessages[locale][key as Key] ?? '';

/** A kind that people do not choose from the list has its name here. */
export const kindName = (kind: Pick<Kind, 'zh' | 'en'> | undefined, code: string, locale: Locale): string =>
  kind ? kind[locale] : word(`kind.${code}`, locale) || code;

/** Why a command is where it is; a code nobody knows is shown as it is. */
export function resultName(result: string, locale: Locale): string {
  return word(`result.${result}`, locale) || result;
}

/** One line for a command: its result once it has one, else what it waits for. */
export function lineOf(command: Pick<Command, 'state' | 'result'>, locale: Locale): string {
  if (command.state === 'queued' && command.result === 'offline') return word('waiting.offline', locale);
  if (command.state === 'queued' && command.result === 'link_lost') return word('waiting.link', locale);
  return command.result ? resultName(command.result, locale) : '';
}

export function tone(state: CommandState): 'ok' | 'warn' | 'alarm' | 'primary' | '' {
  if (state === 'answered') return 'ok';
  if (state === 'failed') return 'alarm';
  if (state === 'expired') return 'warn';
  return state === 'sent' ? 'primary' : '';
}
