import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { labelOf } from '@/pages/assets/labels';
import { catalogue } from '@/pages/commands/answers';
import { useCounts } from '@/pages/video/counts';
import { useSession } from '@/shell/session';

let person = { user: { id: 7 }, rights: [{ kind: 'vehicle', act: 'read', manner: 'full', narrow: '' }], pages: [], landing: '', grants: [] };
let asked: { path: string; answer: (body: object) => void }[] = [];
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  setActivePinia(createPinia());
  asked = [];
  vi.stubGlobal('fetch', (path: string) => {
    if (path === '/api/login') return Promise.resolve(new Response(JSON.stringify(person)));
    if (path === '/api/system') return Promise.resolve(new Response('{"now":0}'));
    if (path === '/api/logout') return Promise.resolve(new Response(''));
    return new Promise((settle) => asked.push({ path, answer: (body) => settle(new Response(JSON.stringify(body))) }));
  });
});
afterEach(() => vi.unstubAllGlobals());

async function change(id: number): Promise<void> {
  const session = useSession();
  if (session.user) await session.logout();
  person = { ...person, user: { id } };
  await session.login('x', 'x');
}

describe('what one account has read', () => {
  it('names no record to the next one at this desk, not even with an answer that comes late', async () => {
    await change(7);
    expect([labelOf('organisations', 3), labelOf('organisations', 4)]).toEqual(['#3', '#4']);
    asked[0]!.answer({ id: 3, name: '甲公司' });
    await settled();
    expect(labelOf('organisations', 3)).toBe('甲公司');
    await change(8);
    asked[1]!.answer({ id: 4, name: '乙公司' });
    await settled();
    expect([labelOf('organisations', 3), labelOf('organisations', 4)]).toEqual(['#3', '#4']);
  });

  it('does not tell the next one which commands may be sent', async () => {
    await change(7);
    void catalogue();
    await change(8);
    void catalogue();
    expect(asked.map((each) => each.path)).toEqual(['/api/commands/kinds', '/api/commands/kinds']);
  });

  it('counts no trucks for the next one', async () => {
    await change(7);
    const counts = useCounts();
    counts.follow(3);
    await change(8);
    asked[0]!.answer({ items: [{ adcode: 440300, counts: { online: 2, total: 5 } }] });
    await settled();
    expect(counts.counts.size).toBe(0);
  });

  it('counts anew what stands on the screen, and nothing that stands there no more', async () => {
    await change(7);
    const counts = useCounts();
    const [gone] = [counts.follow(3), counts.follow(4)];
    for (const each of asked.splice(0)) each.answer({ items: [{ adcode: 440300, counts: { online: 2, total: 5 } }] });
    await settled();
    gone();
    counts.refresh();
    await settled();
    expect(asked.map((each) => each.path)).toEqual(['/api/areas/counts', '/api/areas/counts?operator=4']);
    asked[1]!.answer({ items: [{ adcode: 440300, counts: { online: 3, total: 5 } }] });
    await settled();
    expect(counts.counts.get(counts.operatorKey(4))).toEqual({ online: 3, total: 5 });
  });
});
