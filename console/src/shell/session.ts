/** Who is logged in, and what this installation is (`/api/system`). */
import { defineStore } from 'pinia';
import { ref } from 'vue';

import { ApiError } from '@/api/client';
import { api } from '@/api/endpoints';
import type { SystemInfo, User } from '@/api/types';

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

export const useSession = defineStore('session', () => {
  const user = ref<User | null>(null);
  const system = ref<SystemInfo | null>(null);
  /** Milliseconds the server's clock is ahead of this computer's: ages and the clock follow the server. */
  const clockOffset = ref(0);
  let asked = false;

  async function readSystem(): Promise<void> {
    try {
      const answer = await api.system();
      system.value = answer;
      clockOffset.value = answer.now - Date.now();
    } catch {
      system.value = null; // only the demo mark, the version and the map service are unknown then
    }
  }

  /** Asks once who the cookie belongs to. Throws what is not a plain "not logged in". */
  async function restore(): Promise<User | null> {
    if (asked || !marked()) return user.value;
    try {
      user.value = await api.me();
      await readSystem();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      mark(false);
    }
    asked = true;
    return user.value;
  }

  async function login(username: string, password: string): Promise<User> {
    user.value = (await api.login(username, password)).user;
    asked = true;
    mark(true);
    await readSystem();
    return user.value;
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
    if (user.value) user.value = { ...user.value, must_change_password: false };
  }

  function ended(): void {
    mark(false);
    user.value = null;
    asked = true;
  }

  const now = (): number => Date.now() + clockOffset.value;

  return { user, system, restore, login, logout, changePassword, ended, now };
});
