/**
 * The case on the desk: its detail, kept for a while so that going back and forth is instant; the next one fetched ahead with its files;
 * what was opened of the evidence told to the server; and every act, with the answer taken in at once.
 */
import { computed, onBeforeUnmount, ref, shallowRef, watch } from 'vue';
import type { ComputedRef, Ref } from 'vue';

import { caseApi } from '@/api/cases';
import type { Acted, CaseDetail, CaseRow } from '@/api/cases';
import { ApiError, isAbort } from '@/api/client';

import { useOtherRights } from '@/shell/other-rights';

import { fetched } from './evidence/fetched';
import { place } from './evidence/shown';
import type { Shown } from './evidence/shown';

/** A kept detail is shown at once and read anew when it is older than this. */
const FRESH_MS = 4_000;
const KEPT = 12;
const SEEN_PAUSE_MS = 700;
const AGAIN_MS = 10_000;

export const purposeOf = (row: Pick<CaseRow, 'number'>): string => `报警处置 ${row.number}`;

export function shownOf(detail: CaseDetail): Shown[] {
  return place(detail.evidence ?? [], detail.alarms, detail.curve?.alarm_at ?? detail.case.started_at);
}

/** Whether nothing changed that a decision rests on: then only a further alarm of the truck was merged into the case. */
export function sameWork(before: CaseRow, now: CaseRow): boolean {
  return before.id === now.id && before.state === now.state && before.grade === now.grade && before.assignee?.id === now.assignee?.id && before.verdict === now.verdict;
}

export interface OpenCase {
  detail: Ref<CaseDetail | null>;
  shown: ComputedRef<Shown[]>;
  error: Ref<ApiError | null>;
  /** An act is under way. */
  busy: Ref<boolean>;
  reload: (again?: boolean) => Promise<void>;
  /** A file was opened by the person. */
  seen: (file: number) => void;
  /** Tells at once what was opened: a verdict must not overtake it. */
  flush: () => Promise<void>;
  /** The row changed elsewhere. */
  changed: (rows: readonly CaseRow[]) => void;
  ahead: (row: CaseRow | null) => void;
  /** Runs one act on the open case; takes the answer in. @throws ApiError */
  act: (run: (row: CaseRow) => Promise<Acted>) => Promise<Acted>;
}

/** `reading`: the case stands open before the person; a list that shows a part of it is no look at it. */
export function useOpenCase(id: () => number | null, told: (row: CaseRow) => void = () => undefined, reading: () => boolean = () => true): OpenCase {
  const kept = new Map<number, { detail: CaseDetail; at: number }>();
  const detail = shallowRef<CaseDetail | null>(null);
  const error = shallowRef<ApiError | null>(null);
  const busy = ref(false);
  let flight: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let seenTimer: ReturnType<typeof setTimeout> | undefined;
  let seenFiles = new Set<number>();
  /** Cases that the server knows this person to have opened. */
  const openedHere = new Set<number>();
  let aheadOf: number | null = null;

  function keep(found: CaseDetail): void {
    kept.delete(found.case.id);
    kept.set(found.case.id, { detail: found, at: performance.now() });
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT) break;
      kept.delete(oldest);
    }
  }

  /** `again`: by itself, so nobody is asked for a reason. */
  async function reload(again = false): Promise<void> {
    const wanted = id();
    clearTimeout(timer);
    flight?.abort();
    if (wanted === null) return;
    const mine = (flight = new AbortController());
    try {
      const found = await caseApi.one(wanted, mine.signal, again);
      if (mine.signal.aborted) return;
      keep(found);
      detail.value = found;
      error.value = null;
      told(found.case);
    } catch (failure) {
      if (isAbort(failure) || mine.signal.aborted) return;
      error.value = failure instanceof ApiError ? failure : new ApiError(0, 'unreadable', String(failure));
      if (error.value.forbidden || error.value.status === 404) detail.value = null;
    }
    timer = setTimeout(goOn, AGAIN_MS);
  }

  /** Evidence, checks and commands go on by themselves while the case is open; a page in the background waits until it is looked at. */
  function goOn(): void {
    if (document.hidden) timer = setTimeout(goOn, AGAIN_MS);
    else void reload(true);
  }

  /** Tells what was opened; without files that the case was opened at all. Answers once the server knows it; `again`: the case is read anew. */
  async function tellSeen(again = true): Promise<void> {
    clearTimeout(seenTimer);
    const now = detail.value;
    if (!now || !reading()) return;
    const viewed = new Set((now.evidence ?? []).filter((file) => file.viewed).map((file) => file.id));
    const fresh = [...seenFiles].filter((file) => !viewed.has(file));
    seenFiles = new Set();
    if (!fresh.length && openedHere.has(now.case.id)) return;
    openedHere.add(now.case.id);
    try {
      const answer = await caseApi.view(now.case.id, fresh);
      told(answer.case);
      if (again && detail.value?.case.id === answer.case.id) await reload();
    } catch {
      openedHere.delete(now.case.id); // told with the next file, or before the verdict, which says what is missing
      if (detail.value?.case.id === now.case.id) fresh.forEach((file) => seenFiles.add(file));
    }
  }

  function seen(file: number): void {
    seenFiles.add(file);
    clearTimeout(seenTimer);
    seenTimer = setTimeout(() => void tellSeen(), SEEN_PAUSE_MS);
  }

  function changed(rows: readonly CaseRow[]): void {
    const now = detail.value;
    const row = now && rows.find((each) => each.id === now.case.id);
    if (row && row.version > now.case.version && !busy.value) void reload();
    for (const each of rows) if (each.id !== now?.case.id) kept.delete(each.id);
  }

  async function fetchAhead(wanted: number): Promise<void> {
    try {
      const found = kept.get(wanted)?.detail ?? (await caseApi.one(wanted));
      if (!kept.has(wanted)) keep(found);
      for (const each of shownOf(found)) {
        if (aheadOf !== wanted) return; // the person went elsewhere
        if (each.playable) await fetched(each.file.id, purposeOf(found.case), true);
      }
    } catch {
      // it is fetched again when it is wanted, and then says why it cannot be
    }
  }

  function ahead(row: CaseRow | null): void {
    if (!row || aheadOf === row.id) return;
    aheadOf = row.id;
    void fetchAhead(row.id);
  }

  async function act(run: (row: CaseRow) => Promise<Acted>): Promise<Acted> {
    busy.value = true;
    try {
      await tellSeen(false); // whoever acts has the case before him: the story says so first
      const now = detail.value;
      if (!now) throw new ApiError(0, 'unreadable', 'no case is open');
      const answer = await run(now.case).catch(async (failure: unknown) => {
        if (!(failure instanceof ApiError && failure.field === 'version')) throw failure;
        await reload();
        const fresh = detail.value?.case;
        // a truck that goes on tells it every few seconds: nobody is sent back for that
        if (!fresh || !sameWork(now.case, fresh)) throw failure;
        return run(fresh);
      });
      kept.delete(now.case.id);
      if (detail.value?.case.id === answer.case.id) detail.value = { ...detail.value, case: answer.case, may: answer.may };
      told(answer.case);
      if (id() === answer.case.id) void reload();
      return answer;
    } catch (failure) {
      if (failure instanceof ApiError && failure.field === 'version') void reload();
      throw failure;
    } finally {
      busy.value = false;
    }
  }

  watch(
    id,
    (next) => {
      clearTimeout(seenTimer);
      seenFiles = new Set();
      error.value = null;
      const known = next === null ? undefined : kept.get(next);
      detail.value = known?.detail ?? null;
      if (next === null) {
        flight?.abort();
        clearTimeout(timer);
      } else if (!known || performance.now() - known.at > FRESH_MS) void reload();
      else timer = setTimeout(() => void reload(true), FRESH_MS);
    },
    { immediate: true },
  );
  // what was read on a right that is over is not shown again, whatever page of it was kept
  useOtherRights(() => {
    kept.clear();
    aheadOf = null;
    void reload(true);
  });
  // A case without files is opened when it stands on the screen for a moment.
  watch(
    () => [detail.value?.case.id, reading()] as const,
    ([now]) => {
      if (now === undefined) return;
      clearTimeout(seenTimer);
      seenTimer = setTimeout(() => void tellSeen(), SEEN_PAUSE_MS * 2);
    },
    { immediate: true },
  );
  onBeforeUnmount(() => {
    flight?.abort();
    clearTimeout(timer);
    clearTimeout(seenTimer);
    aheadOf = null;
  });
  const shown = computed(() => (detail.value ? shownOf(detail.value) : []));
  return { detail, shown, error, busy, reload, seen, flush: () => tellSeen(false), changed, ahead, act };
}
