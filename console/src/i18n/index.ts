/**
 * Two languages, checked by the compiler. Each page keeps its own message file: `defineMessages(zh, en)` demands the same
 * keys of both, and `t('key', {…})` demands exactly the `{name}` places of the Chinese text. English chooses the form of a counted
 * word by the number: `{n} {n:alarm|alarms}`.
 */
import { computed, ref } from 'vue';

export type Locale = 'zh' | 'en';

type Places<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Places<Rest> : never;
type Arguments<S extends string> = [Places<S>] extends [never] ? [] : [values: Record<Places<S>, string | number>];

export interface Messages<Z extends Record<string, string>> {
  readonly zh: Z;
  readonly en: { readonly [K in keyof Z]: string };
}

export type Translate<Z extends Record<string, string>> = <K extends keyof Z & string>(
  key: K,
  ...values: Arguments<Z[K]>
) => string;

const STORED = 'luwei.locale';

function remembered(): Locale {
  try {
    return localStorage.getItem(STORED) === 'en' ? 'en' : 'zh';
  } catch {
    return 'zh'; // storage may be refused by the browser's policy
  }
}

const current = ref<Locale>(remembered());

/** The language of the console, read-only; `setLocale` changes it. */
export const locale = computed(() => current.value);

export function setLocale(next: Locale): void {
  current.value = next;
  document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // not remembered: the choice still holds until the page is closed
  }
}

export function defineMessages<const Z extends Record<string, string>>(
  zh: Z,
  en: { readonly [K in keyof Z]: string },
): Messages<Z> {
  return { zh, en };
}

/** `{n}` is a value; `{n:alarm|alarms}` the word that goes with it, for one or for any other number. */
const PLACE = /\{(\w+)(?::([^|{}]*)\|([^|{}]*))?\}/g;

export function filled(text: string, places: Record<string, string | number>): string {
  return text.replace(PLACE, (whole, name: string, one?: string, many?: string) => {
    const value = places[name];
    if (value === undefined) return whole;
    return one === undefined ? String(value) : String(value) === '1' ? one : (many ?? '');
  });
}

/** The translate function of one message file. It reads the current language, so templates follow the switch. */
export function useMessages<Z extends Record<string, string>>(messages: Messages<Z>): Translate<Z> {
  return (key, ...values) => {
    const text = (current.value === 'zh' ? messages.zh : messages.en)[key] as string;
    const places = values[0] as Record<string, string | number> | undefined;
    return places ? filled(text, places) : text;
  };
}

/** A word in both languages, where it is data rather than a message. */
export interface Words {
  readonly zh: string;
  readonly en: string;
}

/** The word in the current language; templates follow the switch. */
export function say(words: Words): string {
  return words[current.value];
}

/** Words in a row, with the comma of the language. */
export function listed(words: readonly string[]): string {
  return words.join(current.value === 'zh' ? '、' : ', ');
}
