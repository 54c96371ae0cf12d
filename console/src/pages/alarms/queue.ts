/** The work queue: pages of cases by remaining time, kept fresh by what the socket says. */
import { onBeforeUnmount, ref, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';

import { caseApi } from '@/api/cases';
import type { CaseFilter, CaseRow } from '@/api/cases';
import { ApiError, isAbort } from '@/api/client';
import { useCaseNews } from '@/live/cases';
import { useSession } from '@/shell/session';

export const PAGE = 50;
/** Without the socket, the first page is read anew this often. */
const AGAIN_MS = 15_000;
/** So many rows may come beyond what was read; with more the list begins anew, so that a long shift does not fill the page. */
export const GROWN = 200;

/** Least time left first; what has no limit last. */
export function order(a: CaseRow, b: CaseRow): number {
  return (a.due_at ?? Infinity) - (b.due_at ?? Infinity) || a.id - b.id;
}

/** Whether a row belongs to what the filter asks for; `me` is the account's id. */
export function matches(row: CaseRow, filter: CaseFilter, me: number): boolean {
  const grades = filter.grade ? String(filter.grade).split(',').map(Number) : [];
  const q = filter.q?.replace(/[·\s]/g, '').toUpperCase() ?? '';
  return (
    row.stage === (filter.stage ?? 'todo') &&
    (!grades.length || grades.includes(row.grade)) &&
    (!filter.type || row.type === filter.type) &&
    (!filter.city || row.city === filter.city) &&
    (!filter.county || row.county === filter.county) &&
    (!filter.operator || row.operator?.id === filter.operator) &&
    (!filter.vehicle || row.vehicle_id === filter.vehicle) &&
    (!q || row.plate.toUpperCase().includes(q) || row.number.toUpperCase().includes(q)) &&
    (!filter.assignee || (filter.assignee === 'none' ? !row.assignee : row.assignee?.id === (filter.assignee === 'me' ? me : Number(filter.assignee)))) &&
    (!filter.overdue || row.overdue) &&
    (filter.fault === null || filter.fault === undefined || row.fault === filter.fault)
  );
}

/**
 * The list with changed rows put in, moved or taken out. What would stand behind the last row read so far stays out while there is
 * more to read. An older version never replaces a newer one.
 */
export function merge(items: readonly CaseRow[], changed: readonly CaseRow[], fits: (row: CaseRow) => boolean, more: boolean): CaseRow[] {
  const byId = new Map(items.map((row) => [row.id, row]));
  const last = items[items.length - 1];
  for (const row of changed) {
    const known = byId.get(row.id);
    if (known && known.version > row.version) continue;
    if (!fits(row)) byId.delete(row.id);
    else if (known || !more || !last || order(row, last) < 0) byId.set(row.id, row);
  }
  return [...byId.values()].sort(order);
}

/** Rows that were put off and are back: of those that stand in the list. */
export function woken(items: readonly CaseRow[], changed: readonly CaseRow[]): CaseRow[] {
  const asleep = new Map(items.filter((row) => row.state === 'snoozed').map((row) => [row.id, row.version]));
  return changed.filter((row) => row.state !== 'snoozed' && row.stage !== 'done' && (asleep.get(row.id) ?? Infinity) < row.version);
}

/** The row to go to: its neighbour where it stands in the list, else whatever took the place it had. */
export function neighbour(items: readonly CaseRow[], current: number | null, place: number, way: 1 | -1): CaseRow | null {
  if (!items.length) return null;
  const at = items.findIndex((row) => row.id === current);
  if (at >= 0) return items[at + way] ?? null;
  if (current === null) return items[way === 1 ? 0 : items.length - 1] ?? null;
  return items[Math.max(0, Math.min(items.length - 1, way === 1 ? place : place - 1))] ?? null;
}

export interface Queue {
  items: Ref<CaseRow[]>;
  total: Ref<number | null>;
  capped: Ref<boolean>;
  more: Ref<boolean>;
  asOf: Ref<number | null>;
  error: Ref<ApiError | null>;
  busy: Ref<boolean>;
  reload: () => Promise<void>;
  readMore: () => Promise<void>;
  apply: (rows: readonly CaseRow[]) => void;
}

/** `came`: rows that were not in the list before, and those that were put off and are back. `plain`: a page beside the work asks nobody for a reason by itself. */
export function useQueue(filter: () => CaseFilter, me: () => number, came: (rows: CaseRow[], back: CaseRow[]) => void = () => undefined, plain = false): Queue {
  const news = useCaseNews();
  const items = shallowRef<CaseRow[]>([]);
  const total = ref<number | null>(null);
  const capped = ref(false);
  const next = ref<string | null>(null);
  const more = ref(false);
  const asOf = ref<number | null>(null);
  const error = shallowRef<ApiError | null>(null);
  const busy = ref(false);
  const session = useSession();
  let flight: AbortController | null = null;
  let rowsRead = 0;

  async function read(after: string | null): Promise<void> {
    flight?.abort();
    const mine = (flight = new AbortController());
    busy.value = true;
    try {
      const page = await caseApi.page(filter(), after, PAGE, mine.signal, plain);
      if (mine.signal.aborted) return;
      items.value = after ? [...items.value, ...page.items.filter((row) => !items.value.some((known) => known.id === row.id))] : page.items;
      rowsRead = items.value.length;
      total.value = page.total;
      capped.value = page.total_capped;
      next.value = page.next;
      more.value = page.next !== null;
      asOf.value = page.as_of;
      error.value = null;
    } catch (failure) {
      if (isAbort(failure) || mine.signal.aborted) return;
      error.value = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
      if (error.value.forbidden) items.value = [];
    }
    busy.value = false;
  }

  /** `heard`: the socket tells it, not an act of the person's own. */
  function apply(rows: readonly CaseRow[], heard = false): void {
    if (total.value === null) return; // nothing read yet: the first page will have them
    const question = filter();
    if (question.stage === 'done') return; // another order: the page is read anew when it is wanted
    const before = new Set(items.value.map((row) => row.id));
    const back = heard ? woken(items.value, rows) : [];
    const merged = merge(items.value, rows, (row) => matches(row, question, me()), more.value);
    total.value = Math.max(0, total.value + merged.length - items.value.length);
    items.value = merged;
    asOf.value = Math.max(asOf.value ?? 0, session.now());
    came(merged.filter((row) => !before.has(row.id)), back);
    if (merged.length > rowsRead + GROWN && !busy.value) void reload();
  }

  const reload = (): Promise<void> => read(null);
  const stop = news.listen((heard) => {
    if (heard.kind === 'rows') apply(heard.rows, true);
    else void reload();
  });
  const timer = setInterval(() => {
    if (!document.hidden && (news.state !== 'live' || filter().stage === 'done')) void reload();
  }, AGAIN_MS);

  watch(
    () => JSON.stringify(filter()),
    () => {
      items.value = [];
      total.value = null;
      error.value = null;
      void reload();
    },
    { immediate: true },
  );
  onBeforeUnmount(() => {
    stop();
    clearInterval(timer);
    flight?.abort();
  });
  return { items, total, capped, more, asOf, error, busy, reload, readMore: () => (next.value ? read(next.value) : Promise.resolve()), apply };
}
