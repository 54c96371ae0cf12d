import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ApiError } from '@/api/client';
import { Driving, REPEAT_MS } from '@/pages/video/ptz/driving';
import type { PtzAnswer, PtzOrder } from '@/pages/video/ptz/driving';

const ANSWER: PtzAnswer = { state: 'moving', answer: 'success', answered_ms: 120, driver: { mine: true, until: 0 } };

function camera(answers: { purpose?: () => Promise<string>; post?: (order: PtzOrder) => Promise<PtzAnswer> } = {}) {
  const said: PtzOrder[] = [];
  const failed: string[] = [];
  let number = 0;
  const driving = new Driving(
    {
      purpose: answers.purpose ?? (() => Promise.resolve('核实')),
      post: (order) => {
        said.push(order);
        return answers.post?.(order) ?? Promise.resolve(ANSWER);
      },
      told: () => undefined,
      failed: (error) => failed.push(error.rule),
    },
    () => `hold-${(number += 1)}`,
  );
  return { driving, said, failed };
}

describe('a camera that is turned while something is held', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is told at once, again while it is held, and to stop when it is let go', async () => {
    const { driving, said } = camera();
    await driving.press('left', 200);
    await vi.advanceTimersByTimeAsync(2 * REPEAT_MS + 10);
    driving.release();
    await vi.advanceTimersByTimeAsync(5 * REPEAT_MS);
    const turn = { act: 'left', hold: 'hold-1', speed: 200 };
    expect(said).toEqual([turn, turn, turn, { act: 'stop', hold: 'hold-1' }]);
  });

  it('goes over to another act with a hold of its own; a lens has no speed', async () => {
    const { driving, said } = camera();
    await driving.press('up', 128);
    await driving.press('zoom_in', 128);
    driving.release();
    expect(said).toEqual([
      { act: 'up', hold: 'hold-1', speed: 128 }, { act: 'stop', hold: 'hold-1' }, { act: 'zoom_in', hold: 'hold-2' }, { act: 'stop', hold: 'hold-2' },
    ]);
  });

  it('does not begin after it was let go while the purpose was asked for', async () => {
    let give: (why: string) => void = () => undefined;
    const { driving, said } = camera({ purpose: () => new Promise((settle) => (give = settle)) });
    const pressing = driving.press('right', 128);
    driving.release();
    give('核实');
    await pressing;
    await vi.advanceTimersByTimeAsync(3 * REPEAT_MS);
    expect(said).toEqual([]);
  });

  it('says what was refused once and no more', async () => {
    const { driving, said, failed } = camera({ post: () => Promise.reject(new ApiError(409, 'busy', '', 'channel')) });
    await driving.press('down', 128);
    await vi.advanceTimersByTimeAsync(5 * REPEAT_MS);
    driving.release();
    expect([said.length, failed, driving.act]).toEqual([1, ['busy'], null]);
  });

  it('is not switched where no purpose is given', async () => {
    const { driving, said, failed } = camera({ purpose: () => Promise.reject(new ApiError(400, 'purpose_required', '', 'purpose')) });
    expect(await driving.toggle('light', true)).toBe(false);
    await driving.press('left', 1);
    expect([said, failed]).toEqual([[], ['purpose_required', 'purpose_required']]);
  });
});
