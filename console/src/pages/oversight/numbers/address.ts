/** What a tab of numbers keeps in the address: its period and its own words, beside the area of the top bar. */
import { computed } from 'vue';
import type { ComputedRef } from 'vue';
import { useRoute, useRouter } from 'vue-router';

import { useArea } from '@/shell/area';
import { heading } from '@/shell/heading';
import { useSession } from '@/shell/session';

import { periodOf } from './period';
import type { Period } from './period';

export type Asked<Name extends string> = Record<Name, string>;
const LONGEST = 80;

export function readAsked<Name extends string>(query: Record<string, unknown>, names: readonly Name[]): Asked<Name> {
  return Object.fromEntries(names.map((name) => [name, typeof query[name] === 'string' ? query[name].slice(0, LONGEST) : ''])) as Asked<Name>;
}

export function pageOf(text: string): number {
  const page = Number(text);
  return Number.isInteger(page) && page >= 1 && page <= 100_000 ? page : 1;
}

/** `names`: words of the tab. A change begins at the first page unless it names one. */
export function useAddress<Name extends string>(names: readonly Name[]): {
  asked: ComputedRef<Asked<Name | 'from' | 'to' | 'page'>>;
  page: ComputedRef<number>;
  period: ComputedRef<Period>;
  area: ComputedRef<{ city: number | null; county: number | null }>;
  go: (change: Partial<Asked<Name | 'from' | 'to' | 'page'>>, how?: 'push' | 'replace') => void;
} {
  const route = useRoute();
  const router = useRouter();
  const session = useSession();
  const chosen = useArea();
  const known = [...names, 'from', 'to', 'page'] as (Name | 'from' | 'to' | 'page')[];
  const asked = computed(() => readAsked(route.query, known));
  function go(change: Partial<Asked<Name | 'from' | 'to' | 'page'>>, how: 'push' | 'replace' = 'push'): void {
    const { path, query: standing } = heading(router);
    if (path !== '/oversight') return;
    const next: Record<string, string | undefined> = { ...readAsked(standing, known), page: '', ...change };
    const kept = Object.fromEntries(['city', 'county', 'tab'].flatMap((name) => (standing[name] ? [[name, standing[name]]] : [])));
    void router[how]({ query: { ...kept, ...Object.fromEntries(Object.entries(next).filter(([, value]) => value)) } });
  }
  return {
    asked,
    page: computed(() => pageOf(asked.value.page)),
    period: computed(() => periodOf(asked.value.from, asked.value.to, session.now())),
    area: chosen.narrowed,
    go,
  };
}
