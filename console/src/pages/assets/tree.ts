/** The tree of organisations: authorities by their area, below them the operators they supervise, and the other bodies as roots. */
import type { QueryValue } from '@/api/client';
import type { Page } from '@/api/types';
import type { Words } from '@/i18n';

import { assetsApi } from './answers';
import type { Organisation } from './answers';
import { w } from './nouns';
import { AUTHORITIES, OPERATING } from './nouns/organisation';

export type TreeQuery = Record<string, QueryValue>;

/** An organisation, or a heading over those that `query` finds. */
export interface Branch {
  key: string;
  organisation: Organisation | null;
  words: Words | null;
  /** Kind that a press on the heading filters by. */
  kind: string;
  queries: readonly TreeQuery[];
  /** Headings that stand below the organisations. */
  headings: readonly Branch[];
}

export const MOST = 50;

const heading = (key: string, words: Words, kind: string, query: TreeQuery): Branch => ({
  key, words, kind, organisation: null, queries: [query], headings: [],
});

export const areaKey = (area: number): string => `a${area}`;

/** Where the operators of an authority are found, and what else lies right below an organisation. */
export function branchOf(organisation: Organisation): Branch {
  const { id, kind, area, children } = organisation;
  // an authority is chosen by its area, which the address carries as city and county
  const base = { key: area ? areaKey(area) : `o${id}`, organisation, words: null, kind: '', headings: [] as Branch[] };
  if (kind === 'city') {
    const all = heading(`city-${id}`, w('全市运输企业', 'Operators of the city'), '', { kind: OPERATING, city: area, parent: 0 });
    return { ...base, queries: children ? [{ parent: id }] : [], headings: [all] };
  }
  if (kind === 'county') return { ...base, queries: [...(children ? [{ parent: id }] : []), { kind: OPERATING, county: area, parent: 0 }] };
  return { ...base, queries: children ? [{ parent: id }] : [] };
}

export const isLeaf = (branch: Branch): boolean => !branch.queries.length && !branch.headings.length;

const OTHERS: readonly Branch[] = [
  heading('insurers', w('保险机构', 'Insurers'), 'insurer', { kind: ['insurer'], parent: 0 }),
  heading('vendors', w('中标单位/服务商', 'Vendors'), 'vendor', { kind: ['vendor'], parent: 0 }),
  heading('monitors', w('第三方监控机构', 'Third-party monitors'), 'monitor', { kind: ['monitor'], parent: 0 }),
  heading('regulators', w('保险监管部门', 'Insurance regulators'), 'regulator', { kind: ['regulator'], parent: 0 }),
  heading('emergency', w('应急管理部门', 'Emergency management'), 'emergency', { kind: ['emergency'], parent: 0 }),
  heading('police', w('公安交管部门', 'Traffic police'), 'police', { kind: ['police'], parent: 0 }),
];

/** The highest authority of the account's area, or the operators in it; then the other bodies, where there are any. */
export async function roots(limit: { city: number | null; county: number | null }): Promise<Branch[]> {
  const read = (query: TreeQuery): Promise<Page<Organisation>> =>
    assetsApi.list('organisations', { size: MOST, ...query }) as Promise<Page<Organisation>>;
  let top: Organisation[] = [];
  // other areas' authorities are no secret, but nothing of theirs would be found below them
  for (const kind of limit.county ? ['county'] : limit.city ? ['city'] : AUTHORITIES) {
    if (!top.length) top = (await read({ kind: [kind], city: limit.city, county: limit.county })).items;
  }
  if (!top.length) top = (await read({ kind: OPERATING })).items;
  const counts = await Promise.all(OTHERS.map((each) => read({ ...each.queries[0], size: 1 })));
  return [...top.map(branchOf), ...OTHERS.filter((_, index) => counts[index]?.total)];
}

/** The next page of what lies right below: page numbers count through the queries one after the other. */
export async function below(branch: Branch, query: number, page: number): Promise<Page<Organisation>> {
  return (await assetsApi.list('organisations', { ...branch.queries[query], page, size: MOST })) as Page<Organisation>;
}
