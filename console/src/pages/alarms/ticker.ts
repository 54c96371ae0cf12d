/** One clock for all running limits of a page: the server's time, once a second. */
import { onBeforeUnmount, ref } from 'vue';
import type { Ref } from 'vue';

import { useSession } from '@/shell/session';

export function useNow(everyMs = 1_000): Ref<number> {
  const session = useSession();
  const now = ref(session.now());
  const timer = setInterval(() => (now.value = session.now()), everyMs);
  onBeforeUnmount(() => clearInterval(timer));
  return now;
}
