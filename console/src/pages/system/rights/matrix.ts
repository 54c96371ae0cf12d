/** The matrix of rights as a person reads and edits it. */
import type { Manner } from '@/api/types';

import type { CellChange, Matrix } from '../answers';

export type Changes = ReadonlyMap<string, Manner>;

export const keyOf = (role: string, kind: string, act: string): string => `${role} ${kind} ${act}`;

/** Acts whose holder changes something: the pencil of the legend. */
const WRITING = ['write', 'act', 'approve', 'supervise', 'object'];

/** Manner of every right that is not `none`. */
export function mannersOf(matrix: Matrix): Map<string, Manner> {
  return new Map(matrix.cells.map((cell) => [keyOf(cell.role, cell.kind, cell.act), cell.manner]));
}

/** One cell: the sign of reading, and whether anything may be changed. */
export function cellOf(
  manners: ReadonlyMap<string, Manner>, changes: Changes, matrix: Matrix, role: string, kind: string,
): { manner: Manner; sign: string; writes: boolean; changed: boolean } {
  const acts = matrix.kinds.find((each) => each.code === kind)?.acts ?? [];
  const of = (act: string): Manner => changes.get(keyOf(role, kind, act)) ?? manners.get(keyOf(role, kind, act)) ?? 'none';
  const sign = matrix.manners.find((each) => each.code === of('read'))?.sign ?? '–';
  return {
    manner: of('read'),
    sign,
    writes: acts.some((act) => WRITING.includes(act) && of(act) !== 'none'),
    changed: acts.some((act) => changes.has(keyOf(role, kind, act))),
  };
}

/** A cell put back to what it was is no change. */
export function put(changes: Changes, manners: ReadonlyMap<string, Manner>, key: string, manner: Manner): Map<string, Manner> {
  const next = new Map(changes);
  if ((manners.get(key) ?? 'none') === manner) next.delete(key);
  else next.set(key, manner);
  return next;
}

/** The changes of roles that are still there. */
export const ofRoles = (changes: Changes, roles: readonly { code: string }[]): Map<string, Manner> =>
  new Map([...changes].filter(([key]) => roles.some(({ code }) => key.startsWith(`${code} `))));

export function toSend(changes: Changes): CellChange[] {
  return [...changes].map(([key, manner]) => {
    const [role = '', kind = '', act = ''] = key.split(' ');
    return { role, kind, act, manner };
  });
}

/** Kinds in the order and groups of the programme's table. */
export function groupsOf(matrix: Matrix): { code: string; zh: string; kinds: Matrix['kinds'] }[] {
  const groups = new Map<string, { code: string; zh: string; kinds: Matrix['kinds'] }>();
  for (const kind of matrix.kinds) {
    const group = groups.get(kind.group) ?? { code: kind.group, zh: kind.group_zh, kinds: [] };
    group.kinds.push(kind);
    groups.set(kind.group, group);
  }
  return [...groups.values()];
}
