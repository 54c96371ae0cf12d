import { createPinia, setActivePinia } from 'pinia';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { nextTick } from 'vue';

import { ApiError } from '@/api/client';
import { isWhole } from '@/pages/alarms/policy/draft';
import { useDrafting } from '@/pages/alarms/policy/drafting';

type Rules = { limit: number };
const api = { check: vi.fn(), publish: vi.fn(), remove: vi.fn() };
const done = vi.fn();

beforeEach(() => {
  setActivePinia(createPinia());
  for (const each of [api.check, api.publish, api.remove, done]) each.mockReset().mockResolvedValue(undefined);
});
async function written(text: string) {
  const drafting = useDrafting<Rules>(api, done);
  drafting.begin(3, { limit: 10 });
  drafting.asText.value = true;
  await nextTick();
  drafting.text.value = text;
  return drafting;
}

describe('a draft that is written as text', () => {
  it('is what is checked and published', async () => {
    const drafting = await written('{"limit": 12}');
    await drafting.check();
    expect(api.check).toHaveBeenCalledWith({ limit: 12 });
    expect(drafting.changes.value).toEqual(['limit']);
    api.publish.mockResolvedValue({ version: 4 });
    await drafting.publish();
    expect(api.publish.mock.calls[0]![0]).toEqual({ limit: 12 });
    expect([done.mock.calls[0], drafting.draft.value]).toEqual([[4], null]);
  });

  it('is not replaced by the former draft where it is no document', async () => {
    const drafting = await written('{"limit": 12');
    await drafting.check();
    await drafting.publish();
    expect([api.check.mock.calls.length, api.publish.mock.calls.length, drafting.told.value]).toEqual([0, 0, '']);
    expect(drafting.fault.value?.field).toBe('');
    expect(drafting.text.value).toBe('{"limit": 12');
    drafting.text.value = '[1]';
    expect(drafting.typed()).toBe(false);
  });

  it('says what the server refuses and where', async () => {
    const drafting = await written('{"limit": 0}');
    api.publish.mockRejectedValue(new ApiError(400, 'must be given', '', 'limit'));
    await drafting.publish();
    expect(drafting.fault.value).toEqual({ field: 'limit', rule: '必填' });
    expect(drafting.draft.value).toEqual({ limit: 0 });
  });

  it('may lack what the tables draw', () => {
    expect([isWhole({}), isWhole({ grades: {} } as never)]).toEqual([false, false]);
  });
});
