import { createPinia, setActivePinia } from 'pinia';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nextTick, ref } from 'vue';

import { AGAIN_MS, useTruckPages } from '@/pages/video/truck-pages';
import { useVideoWall } from '@/pages/video/useVideoWall';
import { shown } from '@/pages/video/wall';
import { setLocale } from '@/i18n';
import { usePlayer } from '@/video/usePlayer';

import { mounted } from '../mounted';

const route = vi.hoisted(() => ({ path: '/video', query: {} as Record<string, string>, meta: {} }));
vi.mock('vue-router', () => ({ useRoute: () => route, useRouter: () => ({ replace: () => undefined, push: () => undefined, currentRoute: { value: route } }) }));

let answers: Record<string, () => Response> = {};
let asked: string[] = [];
beforeEach(() => {
  setActivePinia(createPinia());
  vi.useFakeTimers();
  answers = {};
  asked = [];
  vi.stubGlobal('document', { hidden: false, documentElement: {} });
  vi.stubGlobal('fetch', (path: string) => {
    asked.push(path);
    const found = Object.keys(answers).find((begin) => path.startsWith(begin));
    return Promise.resolve(found ? answers[found]!() : new Response('{}', { status: 503 }));
  });
  setLocale('en');
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});
const json = (body: object) => (): Response => new Response(JSON.stringify(body));

describe('a picture that is hung up while nobody can see it', () => {
  it('is asked for as soon as somebody looks, once', async () => {
    const away = ref(true);
    const ask = vi.fn(() => new Promise<never>(() => undefined));
    const { it: playing } = mounted(() =>
      usePlayer({ vehicle: 1, channel: 1, quality: 'sub', purpose: '' }, () => ({}) as never, ask, () => 0, away),
    );
    playing.begin();
    expect([playing.view.value.state, ask.mock.calls.length]).toEqual(['idle', 0]);
    away.value = false;
    await nextTick();
    expect([playing.view.value.state, ask.mock.calls.length]).toEqual(['asking', 1]);
    away.value = true;
    await nextTick();
    expect(playing.view.value.state).toBe('paused');
    away.value = false;
    await nextTick();
    expect([playing.view.value.state, ask.mock.calls.length]).toEqual(['asking', 2]);
  });
});

describe('trucks of the tree', () => {
  const page = { as_of: 0, total: 1, items: [{ id: 5 }] };

  it('are asked for again after the first question failed, and the failure stands until then', async () => {
    const { it: trucks, unmount } = mounted(() => useTruckPages(() => ({ q: '1' }), () => undefined));
    await vi.advanceTimersByTimeAsync(0);
    expect(trucks.error.value?.status).toBe(503);
    answers['/api/vehicles'] = json(page);
    await vi.advanceTimersByTimeAsync(AGAIN_MS);
    expect([trucks.error.value, trucks.total.value, trucks.rows.value.map((row) => row.id)]).toEqual([null, 1, [5]]);
    unmount();
  });
});

describe('the wall', () => {
  const channels = (vehicle: number, count: number): object => ({
    vehicle_id: vehicle, plate: '粤A12345', plate_color: 2, online: true, last_seen_at: 0, audio: null,
    channels: Array.from({ length: count }, (_, place) => ({ channel: place + 1, name_zh: '', name_en: '', kind: 'av', in_cab: false, ptz: false, codec: '', stream: null })),
  });
  const opened = () => mounted(() => useVideoWall(ref(false), ref(false)));

  it('says how many channels found no room', async () => {
    answers['/api/video/vehicles/1/channels'] = json(channels(1, 3));
    answers['/api/video/vehicles/2/channels'] = json(channels(2, 3));
    const { it: video, unmount } = opened();
    await video.show(1, null);
    expect(video.said.value).toBe('');
    await video.show(2, null);
    expect([shown(video.wall.value).length, video.said.value]).toEqual([4, 'The wall is full: 2 channels left out. Choose more tiles, or clear it']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(video.said.value).toBe('');
    unmount();
  });
});
