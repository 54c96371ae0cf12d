import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { caseApi } from '@/api/cases';
import type { CaseDetail, CaseRow } from '@/api/cases';
import { ApiError } from '@/api/client';
import { useOpenCase } from '@/pages/alarms/open-case';

import { useSession } from '@/shell/session';

import { mounted } from '../mounted';

const row = { id: 5, version: 1, number: 'C5', evidence: { files: 1 } } as CaseRow;
const detail = { case: row, may: {}, alarms: [], evidence: [{ id: 9, viewed: false, media_type: 'image/jpeg', state: 'complete', check: {} }], curve: null } as unknown as CaseDetail;
const seen = { id: 5, version: 2, number: 'C5', evidence: { files: 1 } } as CaseRow;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', { hidden: false });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe('the open case', () => {
  it('tells before the verdict what was looked at, also where it could not be told at first', async () => {
    vi.spyOn(caseApi, 'one').mockResolvedValue(detail);
    const view = vi.spyOn(caseApi, 'view').mockRejectedValueOnce(new ApiError(0, 'unreachable', '')).mockResolvedValue({ case: seen, may: {} });
    const { it: open, unmount } = mounted(() => useOpenCase(() => 5));
    await vi.advanceTimersByTimeAsync(0);
    open.seen(9);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(view.mock.calls).toEqual([[5, [9]]]);
    await open.flush();
    expect(view.mock.calls.at(-1)).toEqual([5, [9]]);
    unmount();
  });

  it('is read anew when rights are others, without asking anybody for a reason', async () => {
    setActivePinia(createPinia());
    const one = vi.spyOn(caseApi, 'one').mockResolvedValueOnce(detail).mockResolvedValue({ ...detail, evidence: null });
    vi.spyOn(caseApi, 'view').mockResolvedValue({ case: row, may: {} });
    const { it: open, unmount } = mounted(() => useOpenCase(() => 5, undefined, () => false));
    await vi.advanceTimersByTimeAsync(0);
    expect(open.shown.value).toHaveLength(1);
    useSession().ended();
    await vi.advanceTimersByTimeAsync(0);
    expect([one.mock.calls.length, one.mock.calls.at(-1)?.[2], open.shown.value]).toEqual([2, true, []]);
    unmount();
    useSession().ended();
    expect(one).toHaveBeenCalledTimes(2);
  });

  it('goes on being read once the page is looked at again', async () => {
    const one = vi.spyOn(caseApi, 'one').mockResolvedValue(detail);
    vi.spyOn(caseApi, 'view').mockResolvedValue({ case: row, may: {} });
    const { unmount } = mounted(() => useOpenCase(() => 5, undefined, () => false));
    await vi.advanceTimersByTimeAsync(0);
    vi.stubGlobal('document', { hidden: true });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(one).toHaveBeenCalledTimes(1);
    vi.stubGlobal('document', { hidden: false });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(one).toHaveBeenCalledTimes(2);
    unmount();
  });
});
