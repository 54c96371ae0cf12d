import { createRouter, createWebHistory } from 'vue-router';

import { onSessionEnded } from '@/api/client';
import { watchHeading } from '@/shell/heading';
import { useSession } from '@/shell/session';
import { proposeTheme, type Theme } from '@/shell/theme';

declare module 'vue-router' {
  interface RouteMeta {
    title: 'title.monitor' | 'title.track' | 'title.explain' | 'title.access' | 'title.commands' | 'title.assets' | 'title.absent';
    theme?: Theme;
    /** Reached without a login. */
    open?: boolean;
    /** The page understands `?vehicle=`: the top bar's search stays on it. */
    vehicle?: boolean;
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', component: () => import('@/pages/login/LoginPage.vue'), meta: { title: 'title.monitor', open: true } },
    {
      path: '/',
      component: () => import('@/shell/AppShell.vue'),
      redirect: '/monitor',
      children: [
        {
          path: 'monitor',
          component: () => import('@/pages/monitor/MonitorPage.vue'),
          meta: { title: 'title.monitor', theme: 'dark', vehicle: true },
        },
        {
          path: 'track',
          component: () => import('@/pages/track/TrackPage.vue'),
          meta: { title: 'title.track', theme: 'dark', vehicle: true },
        },
        {
          path: 'explain',
          component: () => import('@/pages/explain/ExplainPage.vue'),
          meta: { title: 'title.explain', theme: 'light' },
        },
        {
          path: 'access',
          component: () => import('@/pages/access/AccessPage.vue'),
          meta: { title: 'title.access', theme: 'light' },
        },
        {
          path: 'commands',
          component: () => import('@/pages/commands/CommandsPage.vue'),
          meta: { title: 'title.commands', theme: 'light' },
        },
        {
          path: 'assets',
          component: () => import('@/pages/assets/AssetsPage.vue'),
          meta: { title: 'title.assets', theme: 'light' },
        },
        {
          path: ':absent(.*)*',
          component: () => import('@/pages/AbsentPage.vue'),
          meta: { title: 'title.absent', theme: 'dark' },
        },
      ],
    },
  ],
});

watchHeading(router);

router.beforeEach(async (to) => {
  proposeTheme(to.meta.theme ?? 'dark');
  if (to.meta.open) return true;
  const session = useSession();
  try {
    await session.restore();
  } catch {
    // The server does not answer: the login page says so when it is used.
  }
  if (!session.user || session.user.must_change_password) {
    return { path: '/login', query: { next: to.fullPath } };
  }
  return true;
});

onSessionEnded(() => {
  useSession().ended();
  const here = router.currentRoute.value;
  if (!here.meta.open) void router.replace({ path: '/login', query: { next: here.fullPath, ended: '1' } });
});
