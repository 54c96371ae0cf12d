/** What a person holds, as a whole: the cases of both stages, page by page. */
import { caseApi } from '@/api/cases';
import type { CaseRow } from '@/api/cases';

const PAGE = 200;
/** So many go over in one hand-over. */
export const MOST = 1_000;

export async function heldCases(signal?: AbortSignal): Promise<{ rows: CaseRow[]; more: boolean }> {
  const rows: CaseRow[] = [];
  for (const stage of ['doing', 'todo'] as const) {
    let after: string | null = null;
    do {
      const page = await caseApi.page({ stage, assignee: 'me' }, after, PAGE, signal);
      rows.push(...page.items);
      after = page.next;
    } while (after !== null && rows.length <= MOST);
  }
  return { rows: rows.slice(0, MOST), more: rows.length > MOST };
}
