/** Changes of a draft of the policy. Pure: what is given stays as it is. */
import type { GradePolicy, Policy, TypePolicy } from './answers';

export type GradeCode = 'G1' | 'G2' | 'G3';

export function withGrade(policy: Policy, grade: GradeCode, change: Partial<GradePolicy>): Policy {
  return { ...policy, grades: { ...policy.grades, [grade]: { ...policy.grades[grade], ...change } } };
}

export function withType(policy: Policy, type: string, change: Partial<TypePolicy>): Policy {
  const before = policy.types[type];
  return before ? { ...policy, types: { ...policy.types, [type]: { ...before, ...change } } } : policy;
}

/** Whether a document has all that the tables draw; what was typed as text may lack it, and the server says what must be there. */
export function isWhole(policy: Partial<Policy>): policy is Policy {
  const tables = [policy.merge, policy.files, policy.bulk, policy.appeal, policy.types, policy.grades];
  const { G1, G2, G3 }: Partial<Policy['grades']> = policy.grades ?? {};
  return tables.every((table) => table !== null && typeof table === 'object') && Array.isArray(policy.repeat) && [G1, G2, G3].every((grade) => Array.isArray(grade?.checks_s) && Array.isArray(grade?.escalation));
}

/** Paths of the document whose values differ, as the server names them: `types.6502.grade`. */
export function differences(before: unknown, after: unknown, path = ''): string[] {
  if (Object.is(before, after)) return [];
  if (before === null || after === null || typeof before !== 'object' || typeof after !== 'object') return [path];
  const [a, b] = [before as Record<string, unknown>, after as Record<string, unknown>];
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].flatMap((name) => differences(a[name], b[name], path ? `${path}.${name}` : name));
}

/** The row of the tables that a path of the document belongs to: `types.6502`, `grades.G2`. */
export function rowOf(path: string): string {
  return path.split('.').slice(0, 2).join('.');
}

/** Seconds of a comma list such as `30, 60, 120`; null where it is none. */
export function secondsOf(text: string): number[] | null {
  const parts = text.split(/[,，、/\s]+/).filter(Boolean).map(Number);
  return parts.every((part) => Number.isInteger(part) && part > 0) ? parts : null;
}
