/** Names of the alarm bits of JT/T 808, by edition: the protocol's own words (tools/console_words.py writes the file). */
import { locale } from '@/i18n';

import words from './alarm-words.json';

const NEWEST = 2019;

/** The bit's name in the chosen language; the bare number where no edition up to this one has such a bit. */
export function alarmName(bit: number, edition: number | undefined): string {
  const names = (words as unknown as Record<string, [since: number, zh: string, en: string][]>)[String(bit)] ?? [];
  const named = names.filter(([since]) => since <= (edition ?? NEWEST)).at(-1);
  return named ? named[locale.value === 'en' ? 2 : 1] : String(bit);
}
