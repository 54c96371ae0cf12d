/** The orders' part of the address: filters, the open order, and what a new one is to be about. */
import { computed } from 'vue';
import type { ComputedRef } from 'vue';
import { useRoute, useRouter } from 'vue-router';

import type { Level, OrderFilter, OrderState } from '@/api/oversight';
import { useArea } from '@/shell/area';
import { heading } from '@/shell/heading';

export type Pile = 'owed' | 'answered' | 'closed' | 'all';
export const PILES: readonly Pile[] = ['owed', 'answered', 'closed', 'all'];
/** The states of a pile; a pile is a tab above the list. */
export const STATES_OF: Readonly<Record<Pile, readonly OrderState[]>> = {
  owed: ['open', 'working', 'returned'],
  answered: ['answered'],
  closed: ['closed'],
  all: [],
};

export interface OrdersAddress {
  pile: Pile;
  level: '' | '0' | '1';
  overdue: boolean;
  /** Those alone that nobody is left to answer. */
  forsaken: boolean;
  target: number | null;
  q: string;
  /** Orders of this case alone; with `fresh`, the case that a new order comes of. */
  case: number | null;
  page: number;
  open: number | null;
  /** A new order is being written. */
  fresh: boolean;
  /** The proposal that a new order follows. */
  proposal: number | null;
}

const id = (value: unknown): number | null => (typeof value === 'string' && /^[1-9]\d{0,8}$/.test(value) ? Number(value) : null);

export function readOrders(query: Record<string, unknown>): OrdersAddress {
  return {
    pile: PILES.find((each) => each === query.pile) ?? 'owed',
    level: query.level === '0' || query.level === '1' ? query.level : '',
    overdue: query.overdue === '1',
    forsaken: query.forsaken === '1',
    target: id(query.target),
    q: typeof query.q === 'string' ? query.q.slice(0, 40) : '',
    case: id(query.case),
    page: id(query.page) ?? 1,
    open: id(query.order),
    fresh: query.new === '1',
    proposal: id(query.proposal),
  };
}

export function writeOrders(address: OrdersAddress): Record<string, string> {
  const query: Record<string, string> = {};
  if (address.pile !== 'owed') query.pile = address.pile;
  if (address.level) query.level = address.level;
  if (address.overdue) query.overdue = '1';
  if (address.forsaken) query.forsaken = '1';
  if (address.target !== null) query.target = String(address.target);
  if (address.q) query.q = address.q;
  if (address.case !== null) query.case = String(address.case);
  if (address.page > 1) query.page = String(address.page);
  if (address.open !== null) query.order = String(address.open);
  if (address.fresh) query.new = '1';
  if (address.fresh && address.proposal !== null) query.proposal = String(address.proposal);
  return query;
}

export function filterOf(address: OrdersAddress, city: number | null, county: number | null): OrderFilter {
  return {
    state: STATES_OF[address.pile].join(','),
    level: address.level === '' ? null : (Number(address.level) as Level),
    overdue: address.overdue || null,
    forsaken: address.forsaken || null,
    target: address.target,
    case: address.fresh ? null : address.case,
    city,
    county,
    q: address.q,
  };
}

/** Changes that ask for another list: it begins at its first page again. */
const LISTS: readonly (keyof OrdersAddress)[] = ['pile', 'level', 'overdue', 'forsaken', 'target', 'q', 'case'];

export function useOrders(): {
  address: ComputedRef<OrdersAddress>;
  filter: ComputedRef<OrderFilter>;
  /** Any filter beside the pile is set. */
  filtered: ComputedRef<boolean>;
  go: (change: Partial<OrdersAddress>, how?: 'push' | 'replace') => void;
  clear: () => void;
} {
  const route = useRoute();
  const router = useRouter();
  const area = useArea();
  const address = computed(() => readOrders(route.query));
  const filter = computed(() => filterOf(address.value, area.cityCode.value, area.countyCode.value));
  const filtered = computed(() => !!(address.value.level || address.value.overdue || address.value.forsaken || address.value.target || address.value.q || (address.value.case && !address.value.fresh)));
  function go(change: Partial<OrdersAddress>, how: 'push' | 'replace' = 'replace'): void {
    const { path, query } = heading(router);
    if (path !== '/oversight') return;
    const next = { ...readOrders(query), ...change };
    if (LISTS.some((name) => name in change) && change.page === undefined) next.page = 1;
    const { city, county } = query;
    void router[how]({ query: { ...(city ? { city } : {}), ...(county ? { county } : {}), tab: 'orders', ...writeOrders(next) } });
  }
  const clear = (): void => go({ level: '', overdue: false, forsaken: false, target: null, q: '', case: null });
  return { address, filter, filtered, go, clear };
}
