/** Names of records that an answer gives by their id alone; each is asked for once, by the rights of who is there. */
import { reactive } from 'vue';

import { onOtherRights } from '@/shell/session';

import { assetsApi } from './answers';
import type { NounCode } from './nouns';
import { NOUNS, titleOf } from './nouns';

const known = reactive(new Map<string, string>());
/** Counts whose names they are: an answer to the former ones is none. */
let turn = 0;
onOtherRights(() => {
  turn += 1;
  known.clear();
});

/** The name, or `#7` until it is there and where it may not be read. */
export function labelOf(noun: NounCode, id: number): string {
  const key = `${noun}/${id}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  const mine = turn;
  known.set(key, `#${id}`);
  void assetsApi.one(noun, id).then(
    ({ row }) => mine === turn && known.set(key, titleOf(NOUNS[noun], row)),
    () => undefined,
  );
  return `#${id}`;
}

/** A name that may have changed is asked for again. */
export function forgetLabel(noun: NounCode, id: number): void {
  known.delete(`${noun}/${id}`);
}
