/** How many hand-overs wait for the signed-in person: asked for now and then, and at once when a case comes to this person. */
import { onBeforeUnmount, ref, watch } from 'vue';
import type { Ref } from 'vue';

import { useCaseNews } from '@/live/cases';
import { useSession } from '@/shell/session';

import { shiftApi } from './answers';

const AGAIN_MS = 60_000;

export function useWaiting(may: () => boolean): { waiting: Ref<number>; again: () => Promise<void> } {
  const waiting = ref(0);
  const session = useSession();
  const news = useCaseNews();

  async function again(): Promise<void> {
    if (!may()) return;
    try {
      waiting.value = (await shiftApi.list(null, 1)).waiting;
    } catch {
      // the number stands until it can be read again
    }
  }
  const stop = news.listen((heard) => {
    const me = session.user?.id;
    const came = heard.kind !== 'rows' || heard.rows.some((row) => (row.state === 'claimed' && row.assignee?.id === me) || (row.state === 'open' && row.first_action_at !== null));
    if (came) void again();
  });
  const timer = setInterval(() => void (document.hidden ? undefined : again()), AGAIN_MS);
  watch(may, () => void again(), { immediate: true });
  onBeforeUnmount(() => {
    stop();
    clearInterval(timer);
  });
  return { waiting, again };
}
