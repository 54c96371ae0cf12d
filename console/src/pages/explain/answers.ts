/** What `/api/explain`, the stored messages and the traces say. Offsets count bytes of `hex`. */
import type { VehicleRow } from '@/api/types';

export interface Said {
  zh: string;
  en: string;
}

export type GroupKey = 'frame' | 'header' | 'body' | 'items' | 'safety' | 'sign' | 'raw' | 'check';

export interface FieldRow extends Said {
  offset: number;
  length: number;
  hex: string;
  field: string;
  value: string;
  note: string;
  /** The same for an English page. */
  value_en: string;
  note_en: string;
  group: GroupKey;
}

export interface Rule extends Said {
  code: string;
  clause: string;
}

export interface Fault {
  code: string;
  detail: string;
  offset: number | null;
  rule: Rule;
}

export type StepState = 'ok' | 'odd' | 'bad' | 'none';

export interface Step {
  key: 'received' | 'unescaped' | 'checked' | 'accepted' | 'stored' | 'answered';
  state: StepState;
  head: Said;
  foot: Said;
}

export interface FrameHeader {
  message_id: number;
  edition: number;
  phone: string;
  serial: number;
  body_length: number;
  fragmented: boolean;
  package_total: number;
  package_no: number;
}

export interface Became extends Said {
  kind: 'location' | 'message' | 'handshake' | 'fragment' | 'session' | 'none' | 'down';
  count: number | null;
  rows: Record<string, string | number | null>[];
}

export interface Reply extends Said {
  message_id: number;
  hex: string;
  rows: FieldRow[];
  result: number | null;
}

export interface Source extends Partial<Said> {
  kind: 'pasted' | 'stored';
  received_at?: number;
  direction?: number;
  framed?: boolean;
}

export interface UsedProfile extends Said {
  name: string;
  version: number;
  document: string;
  source: 'chosen' | 'by_hand' | 'terminal' | 'frame';
  source_words: Said;
  why: [key: string, rule: string, value: string][];
}

export interface Explanation {
  as_of: number;
  source: Source;
  frames: { offset: number; length: number }[];
  frame: number;
  hex: string;
  length: number;
  rows: FieldRow[];
  groups: (Said & { key: GroupKey })[];
  header: FrameHeader | null;
  message: (Said & { id: number; clause: string; source: string }) | null;
  body: Record<string, unknown> | null;
  error: Fault | null;
  quirks: Rule[];
  problems: string[];
  edition: (Said & { row: string; edition: number | null }) | null;
  rule: Said & { state: 'accepted' | 'noted' | 'refused' | 'down'; reasons: (Rule & { kind: string; expected?: boolean })[] };
  became: Became;
  answer: Reply | null;
  assumed: Said | null;
  profile?: UsedProfile | null;
  steps: Step[];
}

export interface StoredRow extends Said {
  reference: string;
  message_id: number;
  received_at: number;
  direction: number;
  serial: number;
  edition: number;
  phone: string;
  body_bytes: number;
}

export interface StoredPage {
  as_of: number;
  vehicle: VehicleRow;
  total: number;
  size: number;
  ids: (Said & { message_id: number; count: number })[];
  items: StoredRow[];
}

export interface TraceState {
  phone: string;
  by: string;
  active: boolean;
  started_at: number;
  until: number;
  ended_at: number | null;
  end: string;
  frames: number;
  bytes: number;
  kept: number;
  dropped: number;
  lost: number;
  gateway: string;
  peer: string;
  online: boolean;
}

export interface TraceAnswer {
  as_of: number;
  vehicle: VehicleRow;
  trace: TraceState | null;
  may_act: boolean;
  seconds_max: number;
}

export interface TracedFrame extends Said {
  seq: number;
  at: number;
  way: 'up' | 'down';
  hex: string;
  outcome: string;
  reasons: string[];
  gateway: string;
  message_id: number | null;
  serial: number | null;
  answers: number | null;
  result: number | null;
}

/** 0x0200 */
export function messageId(id: number | null): string {
  return id === null ? '—' : `0x${id.toString(16).toUpperCase().padStart(4, '0')}`;
}
