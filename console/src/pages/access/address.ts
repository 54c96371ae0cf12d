/** The tabs' filters in the address. Each tab reads what it knows; unknown or broken values count as absent. */
import { date } from '@/format/time';

export type Tab = 'gateways' | 'sessions' | 'ledger' | 'deviations';
export const TABS: readonly Tab[] = ['gateways', 'sessions', 'ledger', 'deviations'];
/** What each of them shows, as the rights name it. */
export const KINDS: Readonly<Record<Tab, string>> = { gateways: 'gateway', sessions: 'session', ledger: 'ledger', deviations: 'ledger' };

export interface AccessAddress {
  tab: Tab;
  page: number;
  /** Sessions. */
  q: string;
  state: 'open' | 'closed' | null;
  /** Ledger. */
  day: string;
  group: 'reason' | 'terminal';
  reason: string;
  phone: string;
  /** Deviations: days up to `day`, fragment of the device, with what profiles expect. */
  days: 1 | 7 | 30;
  model: string;
  expected: boolean;
}

const text = (value: unknown, most: number): string => (typeof value === 'string' ? value.slice(0, most) : '');

/** A calendar day not after today, else null. */
function dayOf(value: unknown, today: string): string | null {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(value)) return null;
  const time = Date.parse(`${value}T00:00:00Z`);
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== value || value > today ? null : value;
}

/** `first`: the tab of an address that names none, the first one that the person may read. */
export function readAddress(query: Record<string, unknown>, now: number, first: Tab = 'gateways'): AccessAddress {
  const page = Number(text(query.page, 6));
  return {
    tab: TABS.find((tab) => tab === query.tab) ?? first,
    page: Number.isInteger(page) && page >= 1 && page <= 10_000 ? page : 1,
    q: text(query.q, 40),
    state: query.state === 'open' || query.state === 'closed' ? query.state : null,
    day: dayOf(query.day, date(now)) ?? date(now),
    group: query.group === 'terminal' ? 'terminal' : 'reason',
    reason: text(query.reason, 60),
    phone: text(query.phone, 24),
    days: query.days === '7' ? 7 : query.days === '30' ? 30 : 1,
    model: text(query.model, 40),
    expected: query.expected === '1',
  };
}

/** Only what the chosen tab understands and what differs from its default. */
export function writeAddress(address: AccessAddress, now: number, first: Tab = 'gateways'): Record<string, string> {
  const query: Record<string, string> = {};
  if (address.tab !== first) query.tab = address.tab;
  if (address.tab === 'sessions') {
    if (address.q) query.q = address.q;
    if (address.state) query.state = address.state;
  }
  if (address.tab === 'ledger') {
    if (address.day !== date(now)) query.day = address.day;
    if (address.group === 'terminal') query.group = 'terminal';
    if (address.reason) query.reason = address.reason;
    if (address.phone) query.phone = address.phone;
  }
  if (address.tab === 'deviations') {
    if (address.day !== date(now)) query.day = address.day;
    if (address.days !== 1) query.days = String(address.days);
    if (address.model) query.model = address.model;
    if (address.expected) query.expected = '1';
  }
  if (address.page > 1) query.page = String(address.page);
  return query;
}

/** The day before or after, as text. */
export function neighbourDay(day: string, way: 1 | -1): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + way * 86_400_000).toISOString().slice(0, 10);
}

/** What to do with a search text: phones are asked for as they are, anything else is looked up as a plate first. */
export function looksLikePhone(q: string): boolean {
  return /^[0-9a-f]*$/i.test(q);
}
