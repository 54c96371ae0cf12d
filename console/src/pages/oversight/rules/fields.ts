/** The fields of the oversight policy as people read them: where they stand, what they are called, in what unit. */
import type { Words } from '@/i18n';

import type { Rules } from './answers';

export type Unit = 'minutes' | 'seconds' | 'times' | 'cases' | 'files' | 'percent' | 'days' | 'bodies' | 'hours' | 'kilometres';

export interface RuleField extends Words {
  /** As the server names it: `sham.many.more_than`. */
  path: string;
  unit: Unit;
}

export interface RuleGroup extends Words {
  code: string;
  fields: readonly RuleField[];
}

/** Seconds in the document that people set in minutes. */
export const UNIT_SIZE: Readonly<Record<Unit, number>> = { minutes: 60, seconds: 1, times: 1, cases: 1, files: 1, percent: 1, days: 1, bodies: 1, hours: 1, kilometres: 1 };

export const GROUPS: readonly RuleGroup[] = [
  {
    code: 'orders', zh: '督办', en: 'Supervision orders',
    fields: [
      { path: 'orders.urgent_s', zh: '紧急督办时限', en: 'Limit of an urgent order', unit: 'minutes' },
      { path: 'orders.general_s', zh: '一般督办时限', en: 'Limit of a general order', unit: 'minutes' },
      { path: 'orders.rework_times', zh: '最多退回次数', en: 'Returned at most', unit: 'times' },
      { path: 'orders.extension_most_s', zh: '最长延期', en: 'Extended by at most', unit: 'minutes' },
    ],
  },
  {
    code: 'checks', zh: '查岗', en: 'Post checks',
    fields: [
      { path: 'checks.limit_s', zh: '应答时限', en: 'Answered within', unit: 'minutes' },
      { path: 'checks.targets_most', zh: '一次最多对象', en: 'Asked at once at most', unit: 'bodies' },
      { path: 'checks.times_most', zh: '一个时段最多次数', en: 'Times in a window at most', unit: 'times' },
    ],
  },
  {
    code: 'sham', zh: '虚假处理线索', en: 'Flags of sham handling',
    fields: [
      { path: 'sham.same_text.more_than', zh: '雷同内容：超过', en: 'Same text: more than', unit: 'cases' },
      { path: 'sham.same_text.within_s', zh: '雷同内容：时间窗', en: 'Same text: within', unit: 'minutes' },
      { path: 'sham.many.more_than', zh: '大量处置：超过', en: 'Many: more than', unit: 'cases' },
      { path: 'sham.many.within_s', zh: '大量处置：时间窗', en: 'Many: within', unit: 'minutes' },
      { path: 'sham.too_fast.faster_than_s', zh: '未及查看：快于', en: 'Too fast: sooner than', unit: 'seconds' },
      { path: 'sham.too_fast.more_than', zh: '未及查看：同日超过', en: 'Too fast: a day more than', unit: 'cases' },
      { path: 'sham.unseen.more_than', zh: '未看证据：同日超过', en: 'Unseen: a day more than', unit: 'cases' },
    ],
  },
  {
    code: 'proposals', zh: '督办建议', en: 'Proposals of orders',
    fields: [
      { path: 'proposals.handled_percent', zh: '一周处理率低于', en: 'Handled in a week, less than', unit: 'percent' },
      { path: 'proposals.handled_cases', zh: '一周至少有处置单', en: 'Of a week with at least', unit: 'cases' },
      { path: 'proposals.lost_percent', zh: '一周附件丢失高于', en: 'Files lost in a week, more than', unit: 'percent' },
      { path: 'proposals.lost_files', zh: '一周至少应有文件', en: 'Of a week with at least', unit: 'files' },
      { path: 'proposals.vehicle_cases', zh: '同车属实处置单', en: 'True cases of one truck', unit: 'cases' },
      { path: 'proposals.vehicle_days', zh: '同车统计天数', en: 'Within', unit: 'days' },
      { path: 'proposals.offline_hours', zh: '离线超过', en: 'Offline for more than', unit: 'hours' },
      { path: 'proposals.offline_km', zh: '离线期间移动超过', en: 'Moved meanwhile by more than', unit: 'kilometres' },
    ],
  },
  {
    code: 'packages', zh: '封存证据包', en: 'Sealed packages',
    fields: [{ path: 'packages.keep_days', zh: '保留天数', en: 'Kept for', unit: 'days' }],
  },
];

/** The number at a path; null where there is none. */
export function valueAt(rules: Rules, path: string): number | null {
  let here: unknown = rules;
  for (const name of path.split('.')) here = here !== null && typeof here === 'object' ? (here as Record<string, unknown>)[name] : undefined;
  return typeof here === 'number' ? here : null;
}

/** The document with another number at a path; what is given stays as it is. */
export function withValue(rules: Rules, path: string, value: number): Rules {
  const [name, ...rest] = path.split('.');
  const inner = (table: Record<string, unknown>, names: readonly string[]): Record<string, unknown> => {
    const [first, ...others] = names as [string, ...string[]];
    return { ...table, [first]: others.length ? inner((table[first] ?? {}) as Record<string, unknown>, others) : value };
  };
  return { ...rules, [name as string]: inner(rules[name as string] ?? {}, rest) };
}

/** Paths of a document that no field shows: a later release knows more than this page. */
export function unknownPaths(rules: Rules): string[] {
  const known = new Set(GROUPS.flatMap((group) => group.fields.map(({ path }) => path)));
  const walk = (value: unknown, path: string): string[] =>
    value !== null && typeof value === 'object' ? Object.entries(value).flatMap(([name, inner]) => walk(inner, path ? `${path}.${name}` : name)) : known.has(path) ? [] : [path];
  return walk(rules, '');
}
