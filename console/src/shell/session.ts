/** Who is logged in, what the person may, and what this installation is (`/api/system`). */
import { defineStore } from 'pinia';
import { computed, ref } from 'vue';

import { ApiError } from '@/api/client';
import { api } from '@/api/endpoints';
import type { Account, HeldGrant, Me, Right, SystemInfo } from '@/api/types';

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

/** Called when another person is there, nobody any more, or the rights are others: what was read on the former ones holds no more. */
export function onOtherRights(forget: () => void): void {
  forgetting.add(forget);
}

export const useSession = defineStore('session', () => {
  const user = ref<Account | null>(null);
  const rights = ref<Right[]>([]);
  const grants = ref<HeldGrant[]>([]);
  const opened = ref<string[]>([]);
  const landing = ref('');
  const system = ref<SystemInfo | null>(null);
  /** Milliseconds the server's clock is ahead of this computer's: ages and the clock follow the server. */
  const clockOffset = ref(0);
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
    if (user.value?.id !== me.user.id || JSON.stringify(rights.value) !== JSON.stringify(me.rights)) forgetAll();
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
    await refresh();
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

  const now = (): number => Date.now() + clockOffset.value;

  return { user, rights, grants, system, menu, home, may, onReason, restore, refresh, look, login, logout, changePassword, ended, leave, now };
});
