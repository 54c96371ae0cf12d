/** Whether somebody looks at the page: not for a while means that its pictures are left, so that trucks do not send for nobody. */
import { onBeforeUnmount, onMounted, ref } from 'vue';
import type { Ref } from 'vue';

export const HIDDEN_MS = 10_000;

export function useAway(): Readonly<Ref<boolean>> {
  const away = ref(false);
  let timer: ReturnType<typeof setTimeout> | undefined;

  function changed(): void {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => (away.value = true), HIDDEN_MS);
    else away.value = false;
  }

  onMounted(() => {
    document.addEventListener('visibilitychange', changed);
    changed();
  });
  onBeforeUnmount(() => {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', changed);
  });
  return away;
}
