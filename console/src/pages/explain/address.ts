/** The page in its address: a frame as hex, a stored message by its reference, a traced truck. What is broken counts as absent. */
export type Tab = 'paste' | 'stored' | 'trace';
export const TABS: readonly Tab[] = ['paste', 'stored', 'trace'];

/** The server takes frames of at most 8 KiB. */
export const HEX_MAX = 16_384;

export interface ExplainAddress {
  tab: Tab;
  /** The frame on the screen, digits only; empty where there is none. */
  hex: string;
  /** Which of several frames in `hex`, from 0. */
  frame: number;
  /** Why the ledger has it. */
  reason: string;
  /** Profile to read by; empty: the terminal's own. */
  profile: string;
  vehicle: number | null;
  /** Stored messages. */
  day: string;
  id: string;
  message: string;
  page: number;
}

const number = (value: unknown, most: number): number | null => {
  const found = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : NaN;
  return Number.isInteger(found) && found <= most ? found : null;
};

/** Digits of a pasted text; anything else between them is left out by the server's own reading, so it stays. */
export function digits(text: string): string {
  const tight = text.replace(/0[xX]|[\s,;:|-]+/g, '');
  return /^[0-9a-fA-F]*$/.test(tight) ? tight.toLowerCase() : text.trim();
}

export type HexFault = { kind: 'notHex'; at: number; what: string } | { kind: 'oddDigits' } | { kind: 'tooLong' };

/** Why a text is no frame in hexadecimal, or null; the server says the same. */
export function hexFault(text: string): HexFault | null {
  const tight = digits(text);
  const wrong = text.search(/[^0-9a-fA-F\s,;:|xX-]/);
  if (wrong >= 0) return { kind: 'notHex', at: wrong + 1, what: text[wrong] as string };
  if (tight.length % 2) return { kind: 'oddDigits' };
  return tight.length > HEX_MAX ? { kind: 'tooLong' } : null;
}

function day(value: unknown, today: string): string {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(value) || value > today) return today;
  const time = Date.parse(`${value}T00:00:00Z`);
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== value ? today : value;
}

/** `today` in China, as `2026-11-20`. */
export function readAddress(query: Record<string, unknown>, today: string): ExplainAddress {
  const text = (value: unknown, shape: RegExp): string => (typeof value === 'string' && shape.test(value) ? value : '');
  return {
    tab: TABS.find((tab) => tab === query.tab) ?? 'paste',
    hex: typeof query.hex === 'string' ? digits(query.hex).slice(0, HEX_MAX + 2) : '',
    frame: number(query.frame, 599) ?? 0,
    reason: text(query.reason, /^[a-z0-9_]{1,60}$/),
    profile: text(query.profile, /^[a-z0-9][a-z0-9-]{1,39}$/),
    vehicle: number(query.vehicle, 0x7fff_ffff) || null,
    day: day(query.day, today),
    id: text(query.id, /^0x[0-9a-fA-F]{1,4}$/),
    message: text(query.message, /^[0-9a-f-]{1,40}$/),
    page: number(query.page, 2_000) || 1,
  };
}

/** Only what the chosen tab understands and what differs from its default. */
export function writeAddress(address: ExplainAddress, today: string): Record<string, string> {
  const query: Record<string, string> = {};
  if (address.tab !== 'paste') query.tab = address.tab;
  if (address.vehicle !== null) query.vehicle = String(address.vehicle);
  if (address.tab === 'stored') {
    if (address.day !== today) query.day = address.day;
    if (address.id) query.id = address.id;
    if (address.page > 1) query.page = String(address.page);
    if (address.message) query.message = address.message;
  } else {
    if (address.hex) query.hex = address.hex;
    if (address.frame) query.frame = String(address.frame);
    if (address.profile && address.hex) query.profile = address.profile;
    if (address.reason && address.tab === 'paste') query.reason = address.reason;
  }
  return query;
}
