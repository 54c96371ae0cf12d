/** Words of oversight for a page: read when it opens, codes stand for them until then. */
import { onMounted, shallowRef } from 'vue';
import type { Ref } from 'vue';

import { oversightWords } from '@/api/oversight';
import type { OversightWords } from '@/api/oversight';

export function useWords(): Ref<OversightWords | null> {
  const words = shallowRef<OversightWords | null>(null);
  onMounted(() => void oversightWords().then((found) => (words.value = found), () => undefined)); // the next page asks again
  return words;
}
