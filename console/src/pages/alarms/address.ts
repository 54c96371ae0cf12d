/** The desk's part of the address: every filter and the open case, beside the area of the top bar. */
import { computed } from 'vue';
import type { ComputedRef } from 'vue';
import { useRoute, useRouter } from 'vue-router';

import { STAGES } from '@/api/cases';
import type { CaseFilter, Stage } from '@/api/cases';
import { useArea } from '@/shell/area';
import { heading } from '@/shell/heading';

export interface DeskAddress {
  stage: Stage;
  grade: string;
  type: string;
  operator: number | null;
  q: string;
  mine: boolean;
  overdue: boolean;
  fault: '' | 'true' | 'false';
  open: number | null;
}

const id = (value: unknown): number | null => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : null);
const text = (value: unknown, most = 60): string => (typeof value === 'string' ? value.slice(0, most) : '');

export function readDesk(query: Record<string, unknown>): DeskAddress {
  const grade = text(query.grade);
  const fault = text(query.fault);
  return {
    stage: STAGES.find((each) => each === query.stage) ?? 'todo',
    grade: /^[0-3]$/.test(grade) ? grade : '',
    type: /^[0-9A-Za-z:_]{1,12}$/.test(text(query.type)) ? text(query.type) : '',
    operator: id(query.operator),
    q: text(query.q, 40),
    mine: query.mine === '1',
    overdue: query.overdue === '1',
    fault: fault === 'true' || fault === 'false' ? fault : '',
    open: id(query.case),
  };
}

export function writeDesk(desk: DeskAddress): Record<string, string> {
  const query: Record<string, string> = {};
  if (desk.stage !== 'todo') query.stage = desk.stage;
  for (const name of ['grade', 'type', 'q', 'fault'] as const) if (desk[name]) query[name] = desk[name];
  if (desk.operator !== null) query.operator = String(desk.operator);
  if (desk.mine) query.mine = '1';
  if (desk.overdue) query.overdue = '1';
  if (desk.open !== null) query.case = String(desk.open);
  return query;
}

const OWN = new Set(['stage', 'grade', 'type', 'operator', 'q', 'mine', 'overdue', 'fault', 'case', 'tab']);

export function useDesk(): {
  desk: ComputedRef<DeskAddress>;
  filter: ComputedRef<CaseFilter>;
  /** Any filter beside the stage is set. */
  filtered: ComputedRef<boolean>;
  go: (change: Partial<DeskAddress>, keep?: 'push' | 'replace') => void;
  clear: () => void;
} {
  const route = useRoute();
  const router = useRouter();
  const area = useArea();
  const desk = computed(() => readDesk(route.query));
  const filter = computed<CaseFilter>(() => ({
    stage: desk.value.stage,
    grade: desk.value.grade || null,
    type: desk.value.type,
    city: area.cityCode.value,
    county: area.countyCode.value,
    operator: desk.value.operator,
    q: desk.value.q,
    assignee: desk.value.mine ? 'me' : '',
    overdue: desk.value.overdue || null,
    fault: desk.value.fault ? desk.value.fault === 'true' : null,
  }));
  const filtered = computed(() => {
    const { grade, type, operator, q, mine, overdue, fault } = desk.value;
    return !!(grade || type || operator || q || mine || overdue || fault);
  });

  function go(change: Partial<DeskAddress>, keep: 'push' | 'replace' = 'replace'): void {
    const { path, query: standing } = heading(router);
    if (path !== '/alarms') return;
    const others = Object.fromEntries(Object.entries(standing).filter(([name]) => !OWN.has(name)));
    void router[keep]({ query: { ...others, ...writeDesk({ ...readDesk(standing), ...change }) } });
  }

  const clear = (): void => go({ grade: '', type: '', operator: null, q: '', mine: false, overdue: false, fault: '' });
  return { desk, filter, filtered, go, clear };
}
