import { describe, expect, it } from 'vitest';
import { createMemoryHistory, createRouter } from 'vue-router';

import { heading, watchHeading } from '@/shell/heading';

const page = { template: '<p />' };

/** A router whose page /slow arrives when the returned function is called. */
function routerWithSlowPage() {
  let arrive: () => void = () => {};
  const slow = () => new Promise<typeof page>((resolve) => (arrive = () => resolve(page)));
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/monitor', component: page },
      { path: '/slow', component: slow },
      { path: '/broken', component: () => Promise.reject(new Error('the chunk is gone')) },
    ],
  });
  watchHeading(router);
  return { router, arrive: () => arrive() };
}

describe('heading', () => {
  it('is the page whose code is still being loaded, then the page one stands on', async () => {
    const { router, arrive } = routerWithSlowPage();
    await router.push('/monitor');
    const going = router.push('/slow');
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(router.currentRoute.value.path).toBe('/monitor');
    expect(heading(router).path).toBe('/slow');
    arrive();
    await going;
    expect(heading(router).path).toBe('/slow');
    expect(heading(router)).toBe(router.currentRoute.value);
  });

  it('is the newer of two navigations, also after the older has been cancelled', async () => {
    const { router, arrive } = routerWithSlowPage();
    await router.push('/monitor');
    const older = router.push('/slow');
    const newer = router.push({ path: '/monitor', query: { vehicle: '7' } });
    expect((await newer)?.message).toBeUndefined();
    arrive();
    await older;
    expect(heading(router).fullPath).toBe('/monitor?vehicle=7');
  });

  it('is where one stands again when the page cannot be loaded', async () => {
    const { router } = routerWithSlowPage();
    await router.push('/monitor');
    await expect(router.push('/broken')).rejects.toThrow('the chunk is gone');
    expect(heading(router).path).toBe('/monitor');
  });
});
