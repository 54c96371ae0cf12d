import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { caseApi } from '@/api/cases';
import type { CasePage, CaseRow } from '@/api/cases';
import { GROWN, useQueue } from '@/pages/alarms/queue';
import { useSession } from '@/shell/session';

import { mounted } from '../mounted';

const row = (id: number): CaseRow => ({ id, version: 1, stage: 'todo', state: 'open', grade: 1, plate: '', number: '', due_at: id, assignee: null }) as CaseRow;
const page = (...rows: CaseRow[]): CasePage => ({ as_of: 5, total: rows.length, total_capped: false, items: rows, next: null });

beforeEach(() => setActivePinia(createPinia()));
afterEach(() => void vi.restoreAllMocks());

describe('the queue of a long shift', () => {
  it('takes in what comes, and begins anew once far more came than was read', async () => {
    const read = vi.spyOn(caseApi, 'page').mockResolvedValue(page(row(1)));
    const { it: queue, unmount } = mounted(() => useQueue(() => ({ stage: 'todo' }), () => 7));
    await vi.waitFor(() => expect(queue.total.value).toBe(1));
    queue.apply(Array.from({ length: GROWN }, (_, at) => row(at + 2)));
    expect([queue.items.value.length, queue.total.value, read.mock.calls.length]).toEqual([GROWN + 1, GROWN + 1, 1]);
    queue.apply([row(GROWN + 2)]);
    expect(read.mock.calls.length).toBe(2);
    unmount();
  });

  it('is of the time of the server, whatever the clock of this computer says', async () => {
    vi.spyOn(caseApi, 'page').mockResolvedValue(page(row(1)));
    vi.spyOn(useSession(), 'now').mockReturnValue(77);
    const { it: queue, unmount } = mounted(() => useQueue(() => ({ stage: 'todo' }), () => 7));
    await vi.waitFor(() => expect(queue.total.value).toBe(1));
    queue.apply([row(2)]);
    expect(queue.asOf.value).toBe(77);
    unmount();
  });
});
