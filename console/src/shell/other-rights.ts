/** What a component shows holds only as long as the rights it was read on: it is told when those are others. */
import { onBeforeUnmount } from 'vue';

import { onOtherRights } from './session';

export function useOtherRights(forget: () => void): void {
  onBeforeUnmount(onOtherRights(forget));
}
