/** The tabs' filters in the address, as texts; each tab reads those it knows. */
import { computed } from 'vue';
import type { ComputedRef } from 'vue';
import { useRoute, useRouter } from 'vue-router';

export type Filters<Name extends string> = Record<Name, string>;

const LONGEST = 80;

export function readFilters<Name extends string>(query: Record<string, unknown>, names: readonly Name[]): Filters<Name> {
  const found = {} as Filters<Name>;
  for (const name of names) {
    const value = query[name];
    found[name] = typeof value === 'string' ? value.slice(0, LONGEST) : '';
  }
  return found;
}

export function pageOf(query: Record<string, unknown>): number {
  const page = Number(query.page);
  return Number.isInteger(page) && page >= 1 && page <= 100_000 ? page : 1;
}

/** The filters of a tab, its page number, and the way to change them; a change begins at page 1. */
export function useFilters<Name extends string>(names: readonly Name[]): {
  filters: ComputedRef<Filters<Name>>;
  page: ComputedRef<number>;
  go: (change: Partial<Filters<Name>> & { page?: number }) => void;
} {
  const route = useRoute();
  const router = useRouter();
  const filters = computed(() => readFilters(route.query, names));
  const page = computed(() => pageOf(route.query));
  function go(change: Partial<Filters<Name>> & { page?: number }): void {
    const query: Record<string, string> = {};
    if (typeof route.query.tab === 'string') query.tab = route.query.tab;
    const next = { ...filters.value, ...change } as Record<string, unknown>;
    for (const name of names) if (next[name]) query[name] = String(next[name]);
    if (change.page && change.page > 1) query.page = String(change.page);
    void router.push({ query });
  }
  return { filters, page, go };
}
