import { beforeEach, describe, expect, it, vi } from 'vitest';
import { nextTick, ref, shallowRef } from 'vue';

import { caseApi } from '@/api/cases';
import type { Acted, CaseDetail, CaseRow } from '@/api/cases';
import { ApiError } from '@/api/client';
import { useActing } from '@/pages/alarms/acting';
import type { OpenCase } from '@/pages/alarms/open-case';

import { mounted } from '../mounted';

const rowOf = (id: number, more: Partial<CaseRow> = {}): CaseRow => ({ id, version: 1, plate: '粤B12345', reminder: 'none', check: null, ...more }) as CaseRow;
const detailOf = (row: CaseRow, text: string | null = null): CaseDetail =>
  ({ case: row, may: { verdict: true, claim: true, tts: true }, commands: [], record: { verdict: null, reason: null, actions: [], driver_reply: null, correction: null, text } }) as unknown as CaseDetail;

/** An open case that every act answers for at once and that is read anew behind it, as the desk does. */
function desk(first: CaseDetail) {
  const detail = shallowRef<CaseDetail | null>(first);
  const open = {
    detail, busy: ref(false), error: ref(null), flush: () => Promise.resolve(), reload: () => Promise.resolve(),
    act: async (run: (row: CaseRow) => Promise<Acted>) => {
      const answer = await run(detail.value!.case);
      detail.value = { ...detail.value!, case: answer.case };
      return answer;
    },
  } as unknown as OpenCase;
  const { it: acting } = mounted(() => useActing(open, () => null, () => undefined, () => undefined));
  return { detail, acting };
}
const again = async (detail: ReturnType<typeof desk>['detail'], next: CaseDetail): Promise<void> => {
  detail.value = next;
  await nextTick();
};

beforeEach(() => void vi.restoreAllMocks());

describe('the record that is being written', () => {
  it('keeps what was typed when the case is claimed and read anew', async () => {
    const { detail, acting } = desk(detailOf(rowOf(1)));
    acting.draft.value.text = '司机称已停车';
    vi.spyOn(caseApi, 'claim').mockResolvedValue({ case: rowOf(1, { version: 2 }), may: {} });
    await acting.claim();
    await again(detail, detailOf(rowOf(1, { version: 3 })));
    expect(acting.draft.value.text).toBe('司机称已停车');
  });

  it('follows the server as long as nothing was typed', async () => {
    const { detail, acting } = desk(detailOf(rowOf(1)));
    await again(detail, detailOf(rowOf(1, { version: 2 }), '同事写的'));
    expect(acting.draft.value.text).toBe('同事写的');
    await again(detail, detailOf(rowOf(1, { version: 3 }), '同事改的'));
    expect(acting.draft.value.text).toBe('同事改的');
  });

  it('counts a command among the measures beside what was typed', async () => {
    const { detail, acting } = desk(detailOf(rowOf(1)));
    acting.draft.value.driver_reply = '收到';
    vi.spyOn(caseApi, 'command').mockResolvedValue({ case: rowOf(1, { version: 2 }), may: {} });
    await acting.measure(0);
    await again(detail, detailOf(rowOf(1, { version: 3 })));
    expect([acting.draft.value.actions, acting.draft.value.driver_reply]).toEqual([['tts'], '收到']);
  });

  it('begins anew with another case', async () => {
    const { detail, acting } = desk(detailOf(rowOf(1)));
    acting.draft.value.text = '第一单';
    await again(detail, detailOf(rowOf(2), '第二单'));
    expect(acting.draft.value.text).toBe('第二单');
  });
});

describe('a refusal', () => {
  it('is said in words and does not stand in the next dialog', async () => {
    const { acting } = desk(detailOf(rowOf(1)));
    vi.spyOn(caseApi, 'claim').mockRejectedValue(new ApiError(0, 'unreachable', 'TypeError: Failed to fetch'));
    await acting.claim();
    expect(acting.fault.value?.text).toBe('服务器没有应答，请检查网络后重试');
    acting.asked.value = 'snooze';
    await nextTick();
    expect(acting.fault.value).toBeNull();
  });
});
