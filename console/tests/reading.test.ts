import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nextTick, ref } from 'vue';

import { ApiError } from '@/api/client';
import { useReading } from '@/api/reading';

import { mounted } from './mounted';

/** A server whose answers are given by hand, in the order of the questions. */
function server() {
  const open: { answer: (value: string) => void; fail: (error: unknown) => void; signal: AbortSignal }[] = [];
  const read = (signal: AbortSignal): Promise<string> => new Promise((answer, fail) => open.push({ answer, fail, signal }));
  return { read, open };
}
const settled = async (): Promise<void> => {
  await nextTick();
  await new Promise((resolve) => setImmediate(resolve));
};

describe('a reading', () => {
  it('drops the answer to what is no longer asked', async () => {
    const { read, open } = server();
    const key = ref(1);
    const { it: reading } = mounted(() => useReading(read, () => key.value, true));
    key.value = 2;
    await nextTick();
    expect(open[0]!.signal.aborted).toBe(true);
    open[1]!.answer('second');
    open[0]!.answer('first');
    await settled();
    expect(reading.data.value).toBe('second');
  });

  it('does not show the kept answer as that of another question which failed', async () => {
    const { read, open } = server();
    const key = ref('30 days');
    const { it: reading } = mounted(() => useReading(read, () => key.value, true));
    open[0]!.answer('numbers of 30 days');
    await settled();
    key.value = '90 days';
    await nextTick();
    expect(reading.data.value).toBe('numbers of 30 days');
    open[1]!.fail(new ApiError(503, 'history_busy', ''));
    await settled();
    expect([reading.data.value, reading.error.value?.status]).toEqual([null, 503]);
  });

  it('keeps the answer to the same question when it cannot be read again', async () => {
    const { read, open } = server();
    const { it: reading } = mounted(() => useReading(read, () => 1));
    open[0]!.answer('numbers');
    await settled();
    void reading.reload();
    open[1]!.fail(new ApiError(503, 'history_busy', ''));
    await settled();
    expect([reading.data.value, reading.error.value?.status]).toEqual(['numbers', 503]);
  });
});

describe('a reading that goes on while something is under way', () => {
  it('is read again only then, and never before the last answer came', async () => {
    vi.useFakeTimers();
    vi.stubGlobal('document', { hidden: false });
    const { read, open } = server();
    const { unmount } = mounted(() => useReading(read, () => 1, false, 1_000, (last) => last !== 'done'));
    await vi.advanceTimersByTimeAsync(3_000);
    expect([open.length, open[0]!.signal.aborted]).toEqual([1, false]);
    open[0]!.answer('going');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(open.length).toBe(2);
    open[1]!.answer('done');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(open.length).toBe(2);
    unmount();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });
});

describe('a reading that is kept fresh', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('document', { hidden: false });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('waits for an answer that takes longer than its pace, and ends with its page', async () => {
    const { read, open } = server();
    const { it: reading, unmount } = mounted(() => useReading(read, () => 1, true, 5_000));
    await vi.advanceTimersByTimeAsync(20_000);
    expect(open.length).toBe(1);
    open[0]!.answer('slow');
    await vi.advanceTimersByTimeAsync(5_000);
    expect([reading.data.value, open.length]).toEqual(['slow', 2]);
    unmount();
    await vi.advanceTimersByTimeAsync(20_000);
    expect([open.length, open[1]!.signal.aborted]).toEqual([2, true]);
  });

  it('rests while nobody looks', async () => {
    vi.stubGlobal('document', { hidden: true });
    const { read, open } = server();
    const { unmount } = mounted(() => useReading(read, () => 1, true, 5_000));
    open[0]!.answer('once');
    await vi.advanceTimersByTimeAsync(20_000);
    expect(open.length).toBe(1);
    unmount();
  });
});
