/**
 * Rights as they are now, not as they were when the page was opened: an administrator may change them while somebody works. A person who
 * is there is asked for every few seconds, one who left only when a connection was closed: asking counts as use of the login.
 */
import { onBeforeUnmount, onMounted, ref, watch } from 'vue';
import type { Ref } from 'vue';

import type { LinkState } from '@/live/line';

import { useSession } from './session';

export type Told = '' | 'rights' | 'reason';

export const ASK_MS = 5_000;
/** Without a hand on mouse or keys for so long, nobody is there. */
export const AWAY_MS = 10 * 60_000;
/** How long it is said that rights changed. */
export const TOLD_MS = 12_000;
/** After the end of a reason, and before the next question where the server still knows it. */
const END_SLACK_MS = 200;
const AGAIN_MS = 1_000;
/** What a timer can wait for. */
const LONGEST_MS = 2 ** 31 - 1;
const SIGNS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'] as const;

/**
 * `lines`: states of connections, which the server closes when a right changes. Answers what happened a moment ago: rights are others,
 * or a recorded reason is over; empty: nothing. The end of a reason is known beforehand, and asked about at that very moment.
 */
export function useRightsWatch(lines: () => readonly LinkState[]): Ref<Told> {
  const session = useSession();
  const told = ref<Told>('');
  let seenAt = Date.now();
  let asking = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  let quiet: ReturnType<typeof setTimeout> | undefined;
  let ending: ReturnType<typeof setTimeout> | undefined;

  function tell(what: Told): void {
    told.value = what;
    clearTimeout(quiet);
    quiet = setTimeout(() => (told.value = ''), TOLD_MS);
  }

  /** At the end of the reason that ends first, and again where the server's clock is behind. */
  function awaitEnd(): void {
    clearTimeout(ending);
    if (!session.grants.length) return;
    const left = Math.min(...session.grants.map((grant) => grant.to_at)) - session.now();
    ending = setTimeout(() => void ask().then(awaitEnd), Math.min(Math.max(left + END_SLACK_MS, AGAIN_MS), LONGEST_MS));
  }

  async function ask(): Promise<void> {
    if (asking) return;
    asking = true;
    try {
      if (await session.look()) tell('rights');
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
  watch(() => session.grants, awaitEnd, { immediate: true });
  watch(() => session.reasonsOver, () => tell('reason'));
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
    clearTimeout(ending);
  });
  return told;
}
