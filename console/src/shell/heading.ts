/**
 * Where the page is heading: the target of a navigation that still loads its page, else where it stands.
 *
 * A page that keeps its own state in the address (the map's view, a player's position) writes it without being asked. Such a
 * write starts a navigation too, and a newer navigation cancels an older one: a link that was just clicked would be
 * forgotten. So these writes ask first, and give way to whatever the user has asked for.
 */
import type { RouteLocationNormalized, Router } from 'vue-router';

const pending = new WeakMap<Router, RouteLocationNormalized>();

/** To be called once per router, before its first navigation. */
export function watchHeading(router: Router): void {
  router.beforeEach((to) => {
    pending.set(router, to);
  });
  router.afterEach((to) => {
    if (pending.get(router) === to) pending.delete(router);
  });
  router.onError((_error, to) => {
    if (pending.get(router) === to) pending.delete(router);
  });
}

export function heading(router: Router): RouteLocationNormalized {
  return pending.get(router) ?? router.currentRoute.value;
}
