import { when } from '@/format/time';
import type { Locale, Translate } from '@/i18n';

import type { Share } from '../ShareBar.vue';

import { RESULTS } from './answers';
import type { Push, Result, Template, TemplateForm } from './answers';
import type { templateMessages } from './messages';

type T = Translate<(typeof templateMessages)['zh']>;
const TONES: Record<Result, Share['tone']> = { equal: 'ok', different: 'warn', refused: 'alarm', no_answer: 'alarm', offline: 'off', cancelled: 'off' };

export const tone = (result: Result | ''): '' | 'ok' | 'warn' | 'alarm' | 'primary' => {
  if (!result) return 'primary';
  const found = TONES[result];
  return found === 'off' ? '' : found;
};

export function sharesOf(counts: Partial<Record<Result | 'set' | 'read', number>>, t: T): Share[] {
  const ended = RESULTS.map((key) => ({ key, name: t(`result.${key}`), number: counts[key] ?? 0, tone: TONES[key] }));
  const open = (['set', 'read'] as const).map((key) => ({ key, name: t(`step.${key}`), number: counts[key] ?? 0, tone: 'primary' as const }));
  return [...ended, ...open];
}

export const endedOf = (push: Push): number => RESULTS.reduce((sum, key) => sum + push.counts[key], 0);

/** For whom a template is, in one line. */
export function meant(template: Pick<Template, 'vehicle_class' | 'dialect' | 'model' | 'edition'>, classes: Map<string, string>, form: TemplateForm | null, locale: Locale): string {
  const dialect = form?.dialects.find((each) => each.value === template.dialect);
  const name = classes.get(template.vehicle_class) ?? template.vehicle_class;
  return [name, template.model, template.edition ?? '', dialect ? dialect[locale] : template.dialect].filter(Boolean).join(' · ');
}

export const by = (user: string, at: number, now: number, t: T): string => t('by', { user: user || t('system'), time: when(at, now) });
