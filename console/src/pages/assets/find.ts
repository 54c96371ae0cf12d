/** Records for a picker: matches of a fragment, ten at most. */
import type { Pick } from '@/parts/LwPicker.vue';
import { plateText } from '@/format/plate';
import { say } from '@/i18n';

import { assetsApi } from './answers';
import type { NounCode, Row } from './nouns';
import { NOUNS, titleOf } from './nouns';
import { ORGANISATION_KINDS } from './nouns/organisation';

function about(noun: NounCode, row: Row): string {
  if (noun === 'organisations') {
    const kind = ORGANISATION_KINDS.find((each) => each.value === row.kind);
    return kind ? say(kind) : '';
  }
  if (noun === 'models') return String(row.firmware ?? '');
  if (noun === 'terminals') {
    const vehicle = row.vehicle as { plate: string } | null;
    return vehicle ? plateText(vehicle.plate) : '';
  }
  return '';
}

export function finder(noun: NounCode, kinds?: readonly string[]): (q: string, signal: AbortSignal) => Promise<Pick[]> {
  return async (q, signal) => {
    const page = await assetsApi.list(noun, { q, kind: kinds, size: 10 }, signal);
    return page.items.map((row) => ({
      id: row.id,
      label: noun === 'vehicles' ? plateText(titleOf(NOUNS[noun], row)) : titleOf(NOUNS[noun], row),
      about: about(noun, row),
    }));
  };
}
