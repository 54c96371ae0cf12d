import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { checkApi } from '@/api/post-checks';
import type { OpenQuestion } from '@/api/post-checks';
import { EVERY_MS, usePostChecks } from '@/live/post-checks';

type Answer = Awaited<ReturnType<typeof checkApi.mine>>;
const answer = (...ids: number[]): Answer => ({ as_of: 0, items: ids.map((id) => ({ id }) as OpenQuestion) });
/** Answers given by hand, in the order of the questions. */
let open: ((value: Answer) => void)[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('document', { hidden: false, addEventListener: () => undefined, removeEventListener: () => undefined });
  setActivePinia(createPinia());
  open = [];
  vi.spyOn(checkApi, 'mine').mockImplementation(() => new Promise((resolve) => open.push(resolve)));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe('post checks that wait', () => {
  it('do not come back by an answer that left before this person answered', async () => {
    const checks = usePostChecks();
    checks.start();
    open[0]!(answer(7));
    await vi.advanceTimersByTimeAsync(EVERY_MS);
    checks.settled(7);
    open[1]!(answer(7));
    await vi.advanceTimersByTimeAsync(0);
    expect(checks.open).toEqual([]);
    checks.stop();
  });

  it('are not those of the person before', async () => {
    const checks = usePostChecks();
    checks.start();
    checks.stop();
    open[0]!(answer(7));
    await vi.advanceTimersByTimeAsync(0);
    expect(checks.open).toEqual([]);
  });

  it('are told of though the server takes longer than the pace', async () => {
    const checks = usePostChecks();
    const heard: number[] = [];
    checks.listen((fresh) => heard.push(...fresh.map((each) => each.id)));
    checks.start();
    await vi.advanceTimersByTimeAsync(2 * EVERY_MS);
    open[0]!(answer(7));
    await vi.advanceTimersByTimeAsync(0);
    expect([heard, open.length]).toEqual([[7], 1]);
    checks.stop();
  });
});
