/**
 * Rights as they are now, not as they were when the page was opened: an administrator may change them while somebody works. A person who
 * is there is asked for every few seconds, one who left only when a connection was closed: asking counts as use of the login.
 */
import { onBeforeUnmount, onMounted, ref, watch } from 'vue';
import type { Ref } from 'vue';

import type { LinkState } from '@/live/line';

import { useSession } from './session';

export const ASK_MS = 5_000;
/** Without a hand on mouse or keys for so long, nobody is there. */
export const AWAY_MS = 10 * 60_000;
/** How long it is said that rights changed. */
export const TOLD_MS = 12_000;
const SIGNS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const;

/** `lines`: states of connections, which the server closes when a right changes. Answers whether rights changed a moment ago. */
export function useRightsWatch(lines: () => readonly LinkState[]): Ref<boolean> {
  const session = useSession();
  const changed = ref(false);
  let seenAt = Date.now();
  let asking = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  let quiet: ReturnType<typeof setTimeout> | undefined;

  async function ask(): Promise<void> {
    if (asking) return;
    asking = true;
    try {
      if (await session.look()) {
        changed.value = true;
        clearTimeout(quiet);
        quiet = setTimeout(() => (changed.value = false), TOLD_MS);
      }
    } catch {
      // no answer, or the login is over: others say so
    } finally {
      asking = false;
    }
  }
  const there = (): void => void (seenAt = Date.now());

  watch(lines, (now, before) => {
    if (now.some((state, place) => state !== before[place] && (state === 'lost' || state === 'forbidden'))) void ask();
  });
  onMounted(() => {
    for (const sign of SIGNS) addEventListener(sign, there, { passive: true });
    timer = setInterval(() => {
      if (!document.hidden && Date.now() - seenAt < AWAY_MS) void ask();
    }, ASK_MS);
  });
  onBeforeUnmount(() => {
    for (const sign of SIGNS) removeEventListener(sign, there);
    clearInterval(timer);
    clearTimeout(quiet);
  });
  return changed;
}
