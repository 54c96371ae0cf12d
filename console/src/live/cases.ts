/**
 * Cases as they change: counts by stage and grade, and the rows themselves for whoever shows some. One connection for the console, open
 * where the account may read cases; a page says which area it looks at.
 */
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';

import type { CaseRow, Summary } from '@/api/cases';

import { makeLine } from './line';

export interface CaseView {
  city: number | null;
  county: number | null;
  operator: number | null;
}

export type CaseNews = { kind: 'rows'; rows: CaseRow[] } | { kind: 'many' } | { kind: 'again' };

type Said = (Summary & { type: 'summary' }) | { type: 'case'; rows: CaseRow[] } | { type: 'many' } | { type: 'error' };

export const useCaseNews = defineStore('case-news', () => {
  const summary = shallowRef<Summary | null>(null);
  const heardAt = ref(0);
  const listeners = new Set<(news: CaseNews) => void>();
  let view: CaseView = { city: null, county: null, operator: null };
  let connected = 0;

  const line = makeLine('/ws/cases', { opened, heard, forget: () => (summary.value = null) });

  function tell(news: CaseNews): void {
    for (const listener of listeners) listener(news);
  }

  function send(): void {
    const filter = Object.fromEntries(Object.entries(view).filter(([, value]) => value !== null));
    line.send({ type: 'view', filter });
  }

  function opened(): void {
    send();
    connected += 1;
    if (connected > 1) tell({ kind: 'again' }); // what changed meanwhile is not told again
  }

  function heard(data: ArrayBuffer | string): void {
    if (typeof data !== 'string') return;
    heardAt.value = Date.now();
    const said = JSON.parse(data) as Said;
    if (said.type === 'summary') summary.value = said;
    else if (said.type === 'case') tell({ kind: 'rows', rows: said.rows });
    else if (said.type === 'many') tell({ kind: 'many' });
  }

  function look(next: CaseView): void {
    if (next.city === view.city && next.county === view.county && next.operator === view.operator) return;
    view = next;
    summary.value = null;
    send();
  }

  /** Calls `listener` with what changes, until the answer is called. */
  function listen(listener: (news: CaseNews) => void): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  function close(): void {
    connected = 0;
    line.close();
  }

  return { state: line.state, summary, heardAt, open: line.open, close, look, listen };
});
