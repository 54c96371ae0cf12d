import { computed } from 'vue';
import type { ComputedRef } from 'vue';
import { useRoute, useRouter } from 'vue-router';

import { useSession } from '@/shell/session';

import { KINDS, readAddress, TABS, writeAddress } from './address';
import type { AccessAddress } from './address';

/** The page's address and the way to change it; every change but that of the page begins at page 1. */
export function useAccess(): { address: ComputedRef<AccessAddress>; go: (change: Partial<AccessAddress>) => void } {
  const route = useRoute();
  const router = useRouter();
  const session = useSession();
  const first = computed(() => TABS.find((tab) => session.may('read', KINDS[tab])));
  const address = computed(() => readAddress(route.query, session.now(), first.value));
  function go(change: Partial<AccessAddress>): void {
    void router.push({ query: writeAddress({ ...address.value, page: 1, ...change }, session.now(), first.value) });
  }
  return { address, go };
}
