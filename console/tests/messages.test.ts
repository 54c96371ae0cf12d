import { describe, expect, it } from 'vitest';

import { filled } from '@/i18n';
import type { Messages } from '@/i18n';

const files = import.meta.glob<Record<string, unknown>>('../src/**/*messages.ts', { eager: true });
const all = Object.entries(files).flatMap(([file, module]) =>
  Object.values(module).map((value) => [file, value as Messages<Record<string, string>>] as const),
);

const places = (text: string): string[] => [...text.matchAll(/\{(\w+)(?::[^|{}]*\|[^|{}]*)?\}/g)].map((found) => found[1] as string).sort();

describe.each(all)('%s', (_, messages) => {
  it('says the same things in both languages, with the same places', () => {
    for (const [key, zh] of Object.entries(messages.zh)) {
      const en = messages.en[key];
      expect(en, key).toBeTruthy();
      expect(new Set(places(en as string)), key).toEqual(new Set(places(zh)));
    }
  });
});

/** Words that are counted somewhere; with the number one they lose their s. */
const COUNTED = /\{\w+\} (?:more )?(?:alarms|cases|vehicles|trucks|files|rows|minutes|hours|days|seconds|entries|points|accounts|commands|channels|matches)\b/;

describe('counted words', () => {
  it('follow their number', () => {
    const text = '{n} severe {n:case|cases} of {all} {all:entry|entries}';
    expect(filled(text, { n: 1, all: '1,234' })).toBe('1 severe case of 1,234 entries');
    expect(filled(text, { n: 0, all: '1' })).toBe('0 severe cases of 1 entry');
    expect(filled('{n} {m:day|days}', { n: 2 })).toBe('2 {m:day|days}');
  });

  it.each(all)('have both forms in %s', (_, messages) => {
    expect(Object.values(messages.en).filter((text) => COUNTED.test(text))).toEqual([]);
  });
});

describe('a word', () => {
  const sources = import.meta.glob<string>('../src/**/*.{vue,ts}', { eager: true, query: '?raw', import: 'default' });
  const code = Object.entries(sources).filter(([file]) => !/messages(\.\w\w)?\.ts$/.test(file));
  const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

  it.each(all)('of %s is said somewhere', (file, messages) => {
    // a table is used by its name; words of a room are handed on within it, so all of its files count
    const room = file.slice(0, file.lastIndexOf('/') + 1);
    const name = /\bexport const (\w+) = defineMessages/.exec(sources[file] ?? '')?.[1] ?? '';
    const users = code.filter(([each, text]) => each.startsWith(room) || (name && new RegExp(`\\b${name}\\b`).test(text))).map(([, text]) => text).join('\n');
    const made = [...users.matchAll(/`([^`\n]*\$\{[^`\n]*)`/g)].map((found) => (found[1] as string).split(/\$\{[^}]*\}/)).filter((parts) => /[._]/.test(parts.join('')));
    const patterns = made.map((parts) => new RegExp(`^${parts.map(escaped).join('.+')}$`));
    const unsaid = Object.keys(messages.zh).filter((key) => !new RegExp(`['"\`]${escaped(key)}['"\`]`).test(users) && !patterns.some((pattern) => pattern.test(key)));
    expect(unsaid).toEqual([]);
  });
});

describe('a refusal', () => {
  const components = import.meta.glob<string>('../src/**/*.vue', { eager: true, query: '?raw', import: 'default' });

  it('is told in words: no component shows the message that came with the code', () => {
    const raw = Object.entries(components).filter(([file, text]) => !file.endsWith('/parts/LwState.vue') && /\b(?:error|failure|refusal|unread)(?:\.value)?\??\.message\b/.test(text)); // LwState shows both
    expect(raw.map(([file]) => file)).toEqual([]);
  });
});
