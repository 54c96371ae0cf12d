/** Names of records that an answer gives by their id alone; each is asked for once. */
import { reactive } from 'vue';

import { assetsApi } from './answers';
import type { NounCode } from './nouns';
import { NOUNS, titleOf } from './nouns';

const known = reactive(new Map<string, string>());

/** The name, or `#7` until it is there and where it may not be read. */
export function labelOf(noun: NounCode, id: number): string {
  const key = `${noun}/${id}`;
  const found = known.get(key);
  if (found !== undefined) return found;
  known.set(key, `#${id}`);
  void assetsApi.one(noun, id).then(
    ({ row }) => known.set(key, titleOf(NOUNS[noun], row)),
    () => undefined,
  );
  return `#${id}`;
}

/** A name that may have changed is asked for again. */
export function forgetLabel(noun: NounCode, id: number): void {
  known.delete(`${noun}/${id}`);
}
