import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { effectScope } from 'vue';

import { api } from '@/api/endpoints';
import type { VehicleRow } from '@/api/types';
import { PAUSE_MS, useVehicleLookup } from '@/shell/vehicle-lookup';

type Answer = Awaited<ReturnType<typeof api.vehicles>>;

const answer = (...ids: number[]): Answer => ({ as_of: 0, total: ids.length, items: ids.map((id) => ({ id }) as VehicleRow) });

let scope = effectScope();
const start = () => scope.run(useVehicleLookup) as ReturnType<typeof useVehicleLookup>;
const ask = () => vi.spyOn(api, 'vehicles');

beforeEach(() => {
  vi.useFakeTimers();
  scope = effectScope();
});
afterEach(() => {
  scope.stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('the vehicle lookup', () => {
  it('asks once, after the last key', async () => {
    const asked = ask().mockResolvedValue(answer(1, 2));
    const lookup = start();
    lookup.text.value = '粤';
    await vi.advanceTimersByTimeAsync(PAUSE_MS - 1);
    lookup.text.value = ' 粤A1 ';
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(asked.mock.calls.map(([query]) => query)).toEqual([{ q: '粤A1', size: 8 }]);
    expect([lookup.status.value, lookup.rows.value.map((row) => row.id)]).toEqual(['done', [1, 2]]);
  });

  it('drops an answer to what is no longer asked', async () => {
    let late: (value: Answer) => void = () => undefined;
    ask().mockReturnValueOnce(new Promise((resolve) => (late = resolve)));
    const lookup = start();
    lookup.text.value = 'A';
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    lookup.text.value = 'AB';
    late(answer(7));
    await vi.advanceTimersByTimeAsync(0);
    expect([lookup.status.value, lookup.rows.value]).toEqual(['busy', []]);
  });

  it('has no row to choose while the text differs from what was found', async () => {
    ask().mockResolvedValue(answer(1));
    const lookup = start();
    lookup.text.value = 'A';
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    lookup.text.value = 'AB';
    expect(lookup.rows.value).toEqual([]);
  });

  it('marks no row beyond the first and the last', async () => {
    ask().mockResolvedValue(answer(1, 2));
    const lookup = start();
    lookup.text.value = 'A';
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    const seen = [-1, 1, 1, 1, -1].map((step) => (lookup.move(step), lookup.active.value));
    expect(seen).toEqual([0, 1, 1, 1, 0]);
  });

  it('asks nothing more once its page is closed', async () => {
    const asked = ask().mockResolvedValue(answer(1));
    const lookup = start();
    lookup.text.value = 'A';
    scope.stop();
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(asked).not.toHaveBeenCalled();
  });

  it('cuts a number at the fragment', () => {
    const lookup = start();
    lookup.text.value = '38';
    expect([lookup.cut('13800'), lookup.cut('999')]).toEqual([['1', '38', '00'], ['999', '', '']]);
  });
});
