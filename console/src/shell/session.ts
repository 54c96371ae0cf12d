/** Who is logged in, what the person may, and what this installation is (`/api/system`). */
import { defineStore } from 'pinia';
import { computed, ref } from 'vue';

import { ApiError } from '@/api/client';
import { api } from '@/api/endpoints';
import type { Account, HeldGrant, Me, Right, SystemInfo } from '@/api/types';
import { date } from '@/format/time';

import { firstPage, menuOf } from './menu';

/**
 * Whether this browser has logged in before. The cookie itself cannot be read here; without this mark the login page comes at once,
 * with no refused request. Where storage is refused, the server is always asked.
 */
const MARK = 'luwei.session';

function marked(): boolean {
  try {
    return localStorage.getItem(MARK) !== null;
  } catch {
    return true;
  }
}

function mark(on: boolean): void {
  try {
    if (on) localStorage.setItem(MARK, '1');
    else localStorage.removeItem(MARK);
  } catch {
    // storage is refused: `marked` says yes then
  }
}

const forgetting = new Set<() => void>();

/**
 * Called when another person is there, nobody any more, the rights are others, or a recorded reason is over: what was read on the former
 * ones holds no more. Answers how to be called no more.
 */
export function onOtherRights(forget: () => void): () => void {
  forgetting.add(forget);
  return () => forgetting.delete(forget);
}

/** Whether something may be seen on `before` that may not on `now`. */
function isLess(before: readonly HeldGrant[], now: readonly HeldGrant[]): boolean {
  return before.some(({ kind, subjects }) =>
    subjects.some((subject) => !now.some((each) => each.kind === kind && each.subjects.includes(subject))),
  );
}

/** How often it is looked whether a new day has begun. */
const DAY_LOOK_MS = 10_000;

export const useSession = defineStore('session', () => {
  const user = ref<Account | null>(null);
  const rights = ref<Right[]>([]);
  const grants = ref<HeldGrant[]>([]);
  const opened = ref<string[]>([]);
  const landing = ref('');
  const system = ref<SystemInfo | null>(null);
  /** Milliseconds the server's clock is ahead of this computer's: ages and the clock follow the server. */
  const clockOffset = ref(0);
  /** Counts how often something was seen on a recorded reason that is over now. */
  const reasonsOver = ref(0);
  const day = ref(date(Date.now()));
  let asked = false;

  const cells = computed(() => new Map(rights.value.map((right) => [`${right.act} ${right.kind}`, right])));

  /** The right to see rows of the kind, be it within an area or on a recorded reason; not aggregates alone. */
  function may(act: string, kind: string): boolean {
    const manner = cells.value.get(`${act} ${kind}`)?.manner ?? 'none';
    return manner !== 'none' && manner !== 'aggregate';
  }

  /** Whether rows of one of the kinds may be had on a recorded reason. */
  function onReason(kinds: readonly string[]): boolean {
    return rights.value.some(({ act, kind, manner }) => (act === 'read' || act === 'act') && kinds.includes(kind) && manner.startsWith('reason'));
  }

  /** Entries of the menu, and the address that the person begins at. */
  const menu = computed(() => menuOf(opened.value));
  const home = computed(() => firstPage(landing.value, menu.value));

  function take(me: Me): Account {
    const same = user.value?.id === me.user.id;
    const over = same && isLess(grants.value, me.grants);
    if (over) reasonsOver.value += 1;
    if (!same || over || JSON.stringify(rights.value) !== JSON.stringify(me.rights)) forgetAll();
    rights.value = me.rights;
    grants.value = me.grants;
    opened.value = me.pages;
    landing.value = me.landing;
    user.value = me.user;
    return me.user;
  }

  const forgetAll = (): void => forgetting.forEach((forget) => forget());

  async function readSystem(): Promise<void> {
    const asked = Date.now();
    try {
      const answer = await api.system();
      system.value = answer;
      clockOffset.value = Math.round(answer.now - (asked + Date.now()) / 2);
    } catch {
      system.value = null; // only the demo mark, the version and the map service are unknown then
    }
  }

  /** Asks once who the cookie belongs to. Throws what is not a plain "not logged in". */
  async function restore(): Promise<Account | null> {
    if (asked || !marked()) return user.value;
    try {
      take(await api.me());
      await readSystem();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      mark(false);
    }
    asked = true;
    return user.value;
  }

  /** After anything that changes who one is or what one may. */
  async function refresh(): Promise<Account> {
    return take(await api.me());
  }

  /** Who one is and what one may at this moment; answers whether the rights are others than before. */
  async function look(): Promise<boolean> {
    const before = user.value;
    if (!before) return false;
    const me = await api.me();
    // Somebody else may have logged in meanwhile, or nobody be there any more.
    if (user.value?.id !== before.id || me.user.id !== before.id) return false;
    const changed = JSON.stringify([me.rights, me.pages]) !== JSON.stringify([rights.value, opened.value]);
    if (changed || JSON.stringify([me.grants, me.user]) !== JSON.stringify([grants.value, user.value])) take(me);
    return changed;
  }

  async function login(username: string, password: string, code = ''): Promise<Account> {
    const account = take(await api.login(username, password, code));
    asked = true;
    mark(true);
    await readSystem();
    return account;
  }

  async function logout(): Promise<void> {
    try {
      await api.logout();
    } finally {
      ended();
    }
  }

  async function changePassword(old: string, next: string): Promise<void> {
    await api.changePassword(old, next);
    // it is changed all the same: whoever called asks once more who one is, or the watch of the rights does
    await refresh().catch(() => undefined);
  }

  function ended(): void {
    mark(false);
    forgetAll();
    user.value = null;
    rights.value = [];
    grants.value = [];
    opened.value = [];
    asked = true;
  }

  /** The way through the identity provider leaves this page: what comes back is asked who it is. */
  function leave(): void {
    mark(true);
  }

  /** The server's clock. Whatever is computed from it is computed anew when a day ends in China: an open page goes over to the new one. */
  const now = (): number => (void day.value, Date.now() + clockOffset.value);
  setInterval(() => (day.value = date(Date.now() + clockOffset.value)), DAY_LOOK_MS);

  return { user, rights, grants, reasonsOver, system, menu, home, may, onReason, restore, refresh, look, login, logout, changePassword, ended, leave, now };
});
