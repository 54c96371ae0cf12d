/** Tab, filters and the open record in the address. City and county are those of the top bar's area picker. */
import { computed } from 'vue';
import type { ComputedRef } from 'vue';
import { useRoute, useRouter } from 'vue-router';

import { useSession } from '@/shell/session';

import type { NounCode } from './nouns';
import { NOUN_CODES, NOUNS } from './nouns';

export const VIEWS = ['facts', 'equipment', 'bindings', 'checks', 'history'] as const;
export type View = (typeof VIEWS)[number];

export interface AssetsAddress {
  tab: NounCode;
  q: string;
  /** Kind of organisation (tab 机构). */
  kind: string;
  /** A body chosen in the tree. */
  org: number | null;
  sort: string;
  page: number;
  /** The open record. */
  id: number | null;
  view: View;
}

const text = (value: unknown, most: number): string => (typeof value === 'string' ? value.slice(0, most) : '');
const key = (value: unknown): number | null => {
  const number = Number(text(value, 10));
  return Number.isInteger(number) && number > 0 && number < 2 ** 31 ? number : null;
};

/** `first`: the tab of an address that names none, the first one that the person may read. A record without a tab is an organisation. */
export function readAddress(query: Record<string, unknown>, first: NounCode = 'organisations'): AssetsAddress {
  const tab = NOUN_CODES.find((code) => code === query.tab) ?? (key(query.id) ? 'organisations' : first);
  const sort = text(query.sort, 20);
  return {
    tab,
    q: text(query.q, 40),
    kind: tab === 'organisations' ? text(query.kind, 12) : '',
    org: key(query.org),
    sort: Object.values(NOUNS[tab].sorts).includes(sort.replace(/^-/, '')) ? sort : '',
    page: Math.min(key(query.page) ?? 1, 10_000),
    id: key(query.id),
    view: VIEWS.find((view) => view === query.view) ?? 'facts',
  };
}

/** Only what differs from its default; `area` is kept as it is. */
export function writeAddress(
  address: AssetsAddress, area: { city?: unknown; county?: unknown }, first: NounCode = 'organisations',
): Record<string, string> {
  const query: Record<string, string> = {};
  if (address.tab !== (address.id ? 'organisations' : first)) query.tab = address.tab;
  if (address.q) query.q = address.q;
  if (address.kind) query.kind = address.kind;
  if (address.org) query.org = String(address.org);
  if (typeof area.city === 'string') query.city = area.city;
  if (typeof area.county === 'string') query.county = area.county;
  if (address.sort) query.sort = address.sort;
  if (address.page > 1) query.page = String(address.page);
  if (address.id) query.id = String(address.id);
  if (address.id && address.view !== 'facts') query.view = address.view;
  return query;
}

/** A record in a tab of its own: what a link to it needs. */
export function recordQuery(tab: NounCode, id: number): Record<string, string> {
  return tab === 'organisations' ? { id: String(id) } : { tab, id: String(id) };
}

/** The page's address and the way to change it. A change of a filter begins at page 1 and closes the open record. */
export function useAssets(): {
  address: ComputedRef<AssetsAddress>;
  go: (change: Partial<AssetsAddress>, area?: { city: number | null; county: number | null }) => void;
} {
  const route = useRoute();
  const router = useRouter();
  const session = useSession();
  const first = computed(() => NOUN_CODES.find((code) => session.may('read', NOUNS[code].kind)));
  const address = computed(() => readAddress(route.query, first.value));
  function go(change: Partial<AssetsAddress>, area?: { city: number | null; county: number | null }): void {
    const only = Object.keys(change).every((name) => name === 'id' || name === 'view') && !area;
    const base = only ? address.value : { ...address.value, page: 1, id: null, view: 'facts' as const };
    const where = area
      ? { city: area.city ? String(area.city) : null, county: area.county ? String(area.county) : null }
      : route.query;
    void router.push({ query: writeAddress({ ...base, ...change }, where, first.value) });
  }
  return { address, go };
}
