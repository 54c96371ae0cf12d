/** What a new order begins with: of a case, of a proposal, or free. */
import type { CaseDetail, CaseRow } from '@/api/cases';
import type { Level, Proposal, Source } from '@/api/oversight';
import { plateText } from '@/format/plate';
import { dateTime } from '@/format/time';
import { useMessages } from '@/i18n';
import { typeName } from '@/pages/alarms/story';

import { findingOf, titleOf } from '../proposals/numbers';
import { orderMessages } from './messages';

export interface Draft {
  level: Level;
  source: Source;
  title: string;
  text: string;
  target: number | null;
  contact: string;
  phone: string;
  email: string;
}

export interface Contact {
  contact: string;
  phone: string;
  email: string;
}

const t = useMessages(orderMessages);
const EMPTY: Contact = { contact: '', phone: '', email: '' };
const keyOf = (user: number): string => `luwei.order-contact.${user}`;

/** Name and numbers that this account gave last on this computer; its own name where it gave none. */
export function rememberedContact(user: number, name: string, storage: Pick<Storage, 'getItem'>): Contact {
  try {
    const held = JSON.parse(storage.getItem(keyOf(user)) ?? 'null') as Partial<Contact> | null;
    const kept = Object.fromEntries(Object.keys(EMPTY).map((key) => [key, held?.[key as keyof Contact]])) as Partial<Contact>;
    const texts = Object.fromEntries(Object.entries(kept).filter(([, value]) => typeof value === 'string')) as Partial<Contact>;
    return { ...EMPTY, contact: name, ...texts };
  } catch {
    return { ...EMPTY, contact: name };
  }
}

export function rememberContact(user: number, given: Contact, storage: Pick<Storage, 'setItem'>): void {
  try {
    storage.setItem(keyOf(user), JSON.stringify({ contact: given.contact, phone: given.phone, email: given.email }));
  } catch {
    // typed again next time
  }
}

export const emptyDraft = (contact: Contact): Draft => ({ level: 1, source: 'government', title: '', text: '', target: null, ...contact });

/** Whether nobody has handled the case though its limit has passed. */
const isLate = (row: CaseRow): boolean => row.overdue && (row.stage === 'todo' || row.stage === 'doing');

/** A severe case, or one that is late, is urgent; the words say what the case is about. */
export function ofCase(detail: Pick<CaseDetail, 'case'>, contact: Contact): Draft {
  const { case: row } = detail;
  const late = isLate(row);
  const values = { type: typeName(row), plate: plateText(row.plate), time: dateTime(row.started_at), number: row.number };
  return {
    ...emptyDraft(contact),
    level: row.grade === 3 ? 0 : 1,
    source: 'device',
    title: t(late ? 'issue.title.overdue' : 'issue.title.case', { type: values.type }).slice(0, 100),
    text: t(late ? 'issue.body.overdue' : 'issue.body.case', values),
    target: row.operator?.id ?? null,
  };
}

/** What the rule found, as the order's words. */
export function ofProposal(proposal: Proposal, contact: Contact): Draft {
  const text = `${findingOf(proposal)}${t('issue.body.proposal')}`;
  return { ...emptyDraft(contact), level: proposal.level, title: titleOf(proposal), text, target: proposal.target?.id ?? null };
}

/** A proposal about one case makes an order of that case; one about many is for the organisation. */
export const caseOf = (proposal: Pick<Proposal, 'kind' | 'cases'>): number | null => (proposal.kind === 'overdue' ? (proposal.cases[0] ?? null) : null);
