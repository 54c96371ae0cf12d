import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { computed, nextTick, ref } from 'vue';

import type { LinkState } from '@/live/line';
import { listsTrucks, refusal } from '@/pages/monitor/sees';
import { presetPeriod } from '@/pages/oversight/numbers/period';
import { ASK_MS, AWAY_MS, TOLD_MS, useRightsWatch } from '@/shell/rights-watch';
import { onOtherRights, useSession } from '@/shell/session';

import { mounted } from './mounted';

const video = { kind: 'video', act: 'read', manner: 'own', narrow: '' };
const cases = { kind: 'case', act: 'read', manner: 'own', narrow: '' };
let told = { user: { id: 7 }, rights: [cases, video], pages: ['alarms', 'video'], landing: '/alarms', grants: [] as object[] };
let asked = 0;
const hands = new Map<string, () => void>();

beforeEach(() => {
  setActivePinia(createPinia());
  vi.useFakeTimers();
  told = { user: { id: 7 }, rights: [cases, video], pages: ['alarms', 'video'], landing: '/alarms', grants: [] };
  asked = 0;
  vi.stubGlobal('document', { hidden: false });
  vi.stubGlobal('addEventListener', (name: string, heard: () => void) => hands.set(name, heard));
  vi.stubGlobal('removeEventListener', (name: string) => hands.delete(name));
  vi.stubGlobal('fetch', (path: string) => {
    if (path === '/api/me') asked += 1;
    return Promise.resolve(new Response(JSON.stringify(path === '/api/system' ? { now: 0 } : told)));
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function signedIn(): Promise<ReturnType<typeof useSession>> {
  const session = useSession();
  await session.login('wang', 'x');
  return session;
}

describe('rights of an open page', () => {
  it('follow what an administrator changes, and say so for a while', async () => {
    const session = await signedIn();
    const { it: changed, unmount } = mounted(() => useRightsWatch(() => []));
    await vi.advanceTimersByTimeAsync(ASK_MS);
    expect([asked, changed.value]).toEqual([1, '']);
    told = { ...told, rights: [cases], pages: ['alarms'] };
    await vi.advanceTimersByTimeAsync(ASK_MS);
    expect([session.may('read', 'video'), session.menu, changed.value]).toEqual([false, ['alarms'], 'rights']);
    told = { ...told, rights: [cases, video], pages: ['alarms', 'video'] };
    await vi.advanceTimersByTimeAsync(ASK_MS);
    expect([session.may('read', 'video'), session.menu]).toEqual([true, ['alarms', 'video']]);
    await vi.advanceTimersByTimeAsync(TOLD_MS + ASK_MS);
    expect(changed.value).toBe('');
    unmount();
    expect(hands.size).toBe(0);
  });

  it('take a grant in without a word', async () => {
    const session = await signedIn();
    told = { ...told, grants: [{ id: 1, kind: 'evidence', subjects: [4], to_at: 1 }] };
    expect(await session.look()).toBe(false);
    expect(session.grants).toHaveLength(1);
  });

  it('end with a recorded reason at its very moment, also where nobody touches the page', async () => {
    const grant = { id: 1, kind: 'evidence', subjects: [4], to_at: 0 };
    let forgotten = 0;
    const heard = onOtherRights(() => (forgotten += 1));
    const session = await signedIn();
    const { it: said, unmount } = mounted(() => useRightsWatch(() => []));
    await vi.advanceTimersByTimeAsync(AWAY_MS);
    told = { ...told, grants: [{ ...grant, to_at: session.now() + 60_000 }] };
    await session.look();
    const [before, questions] = [forgotten, asked];
    await vi.advanceTimersByTimeAsync(59_000);
    expect([forgotten, asked]).toEqual([before, questions]);
    told = { ...told, grants: [] };
    await vi.advanceTimersByTimeAsync(2_000);
    expect([forgotten, said.value, session.grants]).toEqual([before + 1, 'reason', []]);
    unmount();
    heard();
  });

  it('are the same where a reason is prolonged', async () => {
    const session = await signedIn();
    told = { ...told, grants: [{ id: 1, kind: 'video', subjects: [4], to_at: 1 }] };
    await session.look();
    told = { ...told, grants: [{ id: 2, kind: 'video', subjects: [4, 5], to_at: 2 }] };
    await session.look();
    expect(session.reasonsOver).toBe(0);
  });

  it('are not asked for where nobody is there, but when a connection is closed', async () => {
    await signedIn();
    const state = ref<LinkState>('live');
    const { unmount } = mounted(() => useRightsWatch(() => [state.value]));
    await vi.advanceTimersByTimeAsync(AWAY_MS + ASK_MS);
    const before = asked;
    await vi.advanceTimersByTimeAsync(10 * ASK_MS);
    expect(asked).toBe(before);
    state.value = 'lost';
    await nextTick();
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toBe(before + 1);
    hands.get('keydown')?.();
    await vi.advanceTimersByTimeAsync(ASK_MS);
    expect(asked).toBe(before + 2);
    unmount();
  });

  it('are nobody else’s after another login', async () => {
    const session = await signedIn();
    const asking = session.look();
    session.ended();
    expect(await asking).toBe(false);
    expect(session.user).toBeNull();
  });
});

describe('the clock of a page', () => {
  it('goes over to the next day in China, with all that is computed from it', async () => {
    vi.setSystemTime(new Date('2026-11-23T15:59:30Z'));
    const session = useSession();
    const month = computed(() => presetPeriod('month', session.now()));
    expect([month.value.first, month.value.last]).toEqual(['2026-10-25', '2026-11-23']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([month.value.first, month.value.last]).toEqual(['2026-10-26', '2026-11-24']);
  });
});

describe('the map page', () => {
  const right = (kind: string, manner: string): typeof video => ({ kind, act: 'read', manner, narrow: '' });

  it('has no lists for who counts trucks, and offers the reason on which he follows one', async () => {
    told = { ...told, rights: [right('vehicle', 'aggregate'), right('position', 'reason')] };
    const emergency = await signedIn();
    expect([listsTrucks(emergency), refusal(emergency)?.rule]).toEqual([false, 'reason_required']);
    told = { ...told, rights: [right('vehicle', 'own'), right('position', 'own')] };
    await emergency.look();
    expect([listsTrucks(emergency), refusal(emergency)]).toEqual([true, null]);
  });
});
