import { describe, expect, it } from 'vitest';

import type { Messages } from '@/i18n';

const files = import.meta.glob<Record<string, unknown>>('../src/**/*messages.ts', { eager: true });
const all = Object.entries(files).flatMap(([file, module]) =>
  Object.values(module).map((value) => [file, value as Messages<Record<string, string>>] as const),
);

const places = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1] as string).sort();

describe.each(all)('%s', (_, messages) => {
  it('says the same things in both languages, with the same places', () => {
    for (const [key, zh] of Object.entries(messages.zh)) {
      const en = messages.en[key];
      expect(en, key).toBeTruthy();
      expect(new Set(places(en as string)), key).toEqual(new Set(places(zh)));
    }
  });
});
