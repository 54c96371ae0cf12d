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

describe('a refusal', () => {
  const components = import.meta.glob<string>('../src/**/*.vue', { eager: true, query: '?raw', import: 'default' });

  it('is told in words: no component shows the message that came with the code', () => {
    const raw = Object.entries(components).filter(([file, text]) => !file.endsWith('/parts/LwState.vue') && /\b(?:error|failure|refusal|unread)(?:\.value)?\??\.message\b/.test(text)); // LwState shows both
    expect(raw.map(([file]) => file)).toEqual([]);
  });
});
