/** Who has what to do in oversight. The server decides every request; this only keeps tabs away that would be empty or refused. */
import type { useSession } from '@/shell/session';

export type Session = Pick<ReturnType<typeof useSession>, 'may' | 'rights' | 'user'>;
export type Who = (session: Session) => boolean;

/** Bodies that are watched. */
export const WATCHED: readonly string[] = ['operator', 'sole_trader', 'fleet', 'monitor'];
/** Bodies that stand for no area: they supervise nobody. */
const BOUND: readonly string[] = [...WATCHED, 'insurer', 'vendor'];

const kindOf = (session: Session): string => session.user?.organisation?.kind ?? '';
const manner = (session: Session, act: string): string =>
  session.rights.find((right) => right.kind === 'case' && right.act === act)?.manner ?? 'none';

/** Stands for an area, whatever the role; without an organisation it is the whole province, a driver aside. */
const ofAnArea: Who = (session) => !BOUND.includes(kindOf(session)) && session.user?.role !== 'driver';

/** An officer who supervises and sees the rows. */
export const supervises: Who = (session) => ofAnArea(session) && session.may('supervise', 'case');

/** An officer who may issue orders; emergency management does without seeing rows. */
export const issues: Who = (session) => ofAnArea(session) && manner(session, 'supervise') !== 'none';

/** People of an operator or monitor who handle cases: they answer orders and post checks. */
export const answers: Who = (session) => WATCHED.includes(kindOf(session)) && session.may('write', 'case');

/** Rows of organisations: of an area, or of the own one. A recorded reason opens trucks, and no organisation. */
export const readsRows: Who = (session) =>
  (ofAnArea(session) || WATCHED.includes(kindOf(session))) && session.may('read', 'case') && !manner(session, 'read').startsWith('reason');

export const readsOrders: Who = (session) => readsRows(session) || issues(session);

/** The rows of cases that the person sees at all. */
export const readsCases: Who = (session) => session.may('read', 'case');

/** Counts of whole days: they know no single trucks, and no single kinds of fault. */
export const countsDays: Who = (session) => {
  const right = session.rights.find((each) => each.kind === 'case' && each.act === 'read');
  return right !== undefined && right.manner !== 'none' && right.narrow !== 'device_faults' && session.user?.role !== 'driver';
};
