import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ref } from 'vue';

import { useCounted } from '@/pages/commands/counted';
import { AGAIN_MS, useFollowed } from '@/pages/commands/followed';

import { mounted } from '../mounted';

describe('a count before an order', () => {
  it('holds for the order that it was made for alone', async () => {
    const city = ref(440300);
    const { it: order } = mounted(() => useCounted<number>(() => [city.value]));
    await order.count(() => Promise.resolve(3));
    expect(order.counted.value).toBe(3);
    city.value = 440100;
    expect(order.counted.value).toBeNull();
    let answer: (found: number) => void = () => undefined;
    const late = order.count(() => new Promise((settle) => (answer = settle)));
    city.value = 440000;
    answer(3);
    await late;
    expect(order.counted.value).toBeNull();
  });
});

describe('a command that is followed', () => {
  const asked: { path: string; answer: (body: object) => void }[] = [];
  const told = async (body: object): Promise<void> => {
    asked.shift()!.answer(body);
    await vi.advanceTimersByTimeAsync(0);
  };
  const command = (id: number, state: string): object => ({ as_of: 0, total: 1, items: [{ id, state, result: '' }], never_answers: false });

  beforeEach(() => {
    vi.useFakeTimers();
    asked.length = 0;
    vi.stubGlobal('fetch', (path: string) => new Promise((settle) => asked.push({ path, answer: (body) => settle(new Response(JSON.stringify(body))) })));
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('is read again until it is over', async () => {
    const { it: followed, unmount } = mounted(() => useFollowed(() => null));
    void followed.follow(5);
    await told(command(9, 'sent'));
    expect(followed.result.value?.state).toBe('sent');
    await vi.advanceTimersByTimeAsync(AGAIN_MS);
    await told(command(9, 'answered'));
    await vi.advanceTimersByTimeAsync(AGAIN_MS * 3);
    expect([followed.result.value?.state, asked.length]).toEqual(['answered', 0]);
    unmount();
  });

  it('does not come back when another one is being written, nor after the page is gone', async () => {
    const { it: followed, unmount } = mounted(() => useFollowed(() => null));
    void followed.follow(5);
    followed.leave();
    await told(command(9, 'sent'));
    await vi.advanceTimersByTimeAsync(AGAIN_MS * 3);
    expect([followed.result.value, asked.length]).toEqual([null, 0]);
    unmount();
    void followed.follow(6);
    await vi.advanceTimersByTimeAsync(AGAIN_MS * 3);
    expect(asked.length).toBe(0);
  });
});
