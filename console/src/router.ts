import { createRouter, createWebHistory } from 'vue-router';

import { onSessionEnded } from '@/api/client';
import { watchHeading } from '@/shell/heading';
import type { PageName } from '@/shell/menu';
import { useSession } from '@/shell/session';
import { proposeTheme, type Theme } from '@/shell/theme';

declare module 'vue-router' {
  interface RouteMeta {
    title: 'title.monitor' | 'title.alarms' | 'title.case' | 'title.oversight' | 'title.video' | 'title.track' | 'title.explain' | 'title.access' | 'title.commands' | 'title.assets' | 'title.system' | 'title.roadside' | 'title.install' | 'title.own' | 'title.absent';
    theme?: Theme;
    /** Its entry in the menu; without one it is everybody's. */
    page?: PageName;
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
    // outside the shell: a phone on the road loads this page and nothing else
    {
      path: '/roadside',
      component: () => import('@/pages/roadside/RoadsidePage.vue'),
      meta: { title: 'title.roadside', page: 'roadside', theme: 'light' },
    },
    {
      path: '/',
      component: () => import('@/shell/AppShell.vue'),
      children: [
        // never shown: the guard below leads to the role's first page
        { path: '', component: () => import('@/pages/AbsentPage.vue'), meta: { title: 'title.absent' } },
        {
          path: 'monitor',
          component: () => import('@/pages/monitor/MonitorPage.vue'),
          meta: { title: 'title.monitor', page: 'monitor', theme: 'dark', vehicle: true },
        },
        {
          path: 'alarms',
          component: () => import('@/pages/alarms/AlarmsPage.vue'),
          meta: { title: 'title.alarms', page: 'alarms', theme: 'dark' },
        },
        {
          path: 'alarms/:id(\\d+)',
          component: () => import('@/pages/alarms/CasePage.vue'),
          meta: { title: 'title.case', page: 'alarms', theme: 'light' },
        },
        {
          path: 'oversight',
          component: () => import('@/pages/oversight/OversightPage.vue'),
          meta: { title: 'title.oversight', page: 'oversight', theme: 'light' },
        },
        {
          path: 'video',
          component: () => import('@/pages/video/VideoPage.vue'),
          meta: { title: 'title.video', page: 'video', theme: 'dark', vehicle: true },
        },
        {
          path: 'track',
          component: () => import('@/pages/track/TrackPage.vue'),
          meta: { title: 'title.track', page: 'track', theme: 'dark', vehicle: true },
        },
        {
          path: 'install',
          component: () => import('@/pages/install/InstallPage.vue'),
          meta: { title: 'title.install', page: 'install', theme: 'light' },
        },
        {
          path: 'explain',
          component: () => import('@/pages/explain/ExplainPage.vue'),
          meta: { title: 'title.explain', page: 'explain', theme: 'light' },
        },
        {
          path: 'access',
          component: () => import('@/pages/access/AccessPage.vue'),
          meta: { title: 'title.access', page: 'access', theme: 'light' },
        },
        {
          path: 'commands',
          component: () => import('@/pages/commands/CommandsPage.vue'),
          meta: { title: 'title.commands', page: 'commands', theme: 'light' },
        },
        {
          path: 'assets',
          component: () => import('@/pages/assets/AssetsPage.vue'),
          meta: { title: 'title.assets', page: 'assets', theme: 'light' },
        },
        {
          path: 'system',
          component: () => import('@/pages/system/SystemPage.vue'),
          meta: { title: 'title.system', page: 'system', theme: 'light' },
        },
        {
          path: 'me',
          component: () => import('@/pages/me/MePage.vue'),
          meta: { title: 'title.own', theme: 'light' },
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
  const user = session.user;
  if (!user || user.must_change_password || user.must_enrol_totp) {
    return { path: '/login', query: { next: to.fullPath } };
  }
  return to.path === '/' ? session.home : true;
});

onSessionEnded((rule) => {
  useSession().ended();
  const here = router.currentRoute.value;
  if (!here.meta.open) void router.replace({ path: '/login', query: { next: here.fullPath, ended: rule } });
});
