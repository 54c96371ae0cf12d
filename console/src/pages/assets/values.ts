/** Values of the registry as a person reads them. */
import { count } from '@/format/number';
import { dateTime } from '@/format/time';
import { locale, say } from '@/i18n';
import { areaName, useAreas } from '@/shell/area';

import type { Field } from './nouns';
import { w } from './nouns';

const YES = w('是', 'Yes');
const NO = w('否', 'No');

/** Text of a value that is no record; an empty one is a dash. */
export function useValueText(): (field: Field | undefined, value: unknown) => string {
  const areas = useAreas();
  return (field, value) => {
    if (value === null || value === undefined || value === '') return '—';
    if (!field) return typeof value === 'object' ? JSON.stringify(value) : String(value);
    switch (field.type) {
      case 'flag':
        return say(value ? YES : NO);
      case 'choice': {
        const chosen = field.choices?.find((each) => each.value === value);
        return chosen ? say(chosen) : String(value);
      }
      case 'city':
      case 'county': {
        const code = Number(value);
        return areaName(field.type === 'city' ? areas.byCode.get(code) : areas.countyByCode.get(code), locale.value) || String(value);
      }
      case 'moment':
        return typeof value === 'number' ? dateTime(value) : String(value);
      case 'number':
        return field.unit && typeof value === 'number' ? `${count(value)} ${say(field.unit)}` : String(value);
      default:
        return typeof value === 'object' ? JSON.stringify(value) : String(value);
    }
  };
}
