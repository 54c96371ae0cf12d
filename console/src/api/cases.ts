/** What `/api/cases` says, and the ways to ask it. Times UTC ms, places 1e-6 degrees, speeds 0.1 km/h. */
import type { Words } from '@/i18n';

import { request, withQuery } from './client';
import type { OperatorRef } from './types';

export type Stage = 'todo' | 'doing' | 'verify' | 'done';
export const STAGES: readonly Stage[] = ['todo', 'doing', 'verify', 'done'];
export type CaseState = 'open' | 'claimed' | 'handled' | 'verified' | 'closed' | 'snoozed' | 'returned' | 'appealed';
export type Verdict = 'true' | 'false' | 'undecided';
export type Correction = 'corrected' | 'not' | 'unknown';
export type Measure = 'tts' | 'call' | 'stop' | 'ignore';
export type EvidenceState = 'none' | 'asked' | 'waiting' | 'partial' | 'complete' | 'late' | 'lost' | 'quota' | 'parked';

export interface Person {
  id: number;
  name: string;
}

export type FileState = 'announced' | 'partial' | 'complete' | 'late' | 'lost';

/** A file as the server describes it; sizes in bytes. */
export interface EvidenceFile {
  id: number;
  kind: string;
  channel: number | null;
  name: string;
  media_type: string;
  readable: boolean | null;
  check: { width?: number; height?: number; duration_ms?: number; frames?: number; codec?: string };
  announced_bytes: number | null;
  stored_bytes: number;
  sm3: string;
  /** Of the alarm that the file belongs to. */
  identification?: string;
  /** Where the terminal said so. */
  taken_at?: number | null;
  received_at: number | null;
  state: FileState;
  cause: string;
}

export interface CaseRow {
  id: number;
  number: string;
  version: number;
  state: CaseState;
  stage: Stage;
  grade: number;
  first_grade: number;
  type: string;
  type_zh: string;
  type_en: string;
  fault: boolean;
  vehicle_id: number;
  plate: string;
  plate_color: number;
  operator: OperatorRef | null;
  monitor: OperatorRef | null;
  city: number | null;
  county: number | null;
  place: { lat_e6: number; lon_e6: number } | null;
  speed_dkmh: number | null;
  limit_kmh: number | null;
  started_at: number;
  last_at: number;
  opened_at: number;
  count: number;
  warnings: number;
  level: number;
  first_action_due_at: number | null;
  first_action_at: number | null;
  close_due_at: number | null;
  closed_at: number | null;
  due_at: number | null;
  overdue: boolean;
  snoozed_until: number | null;
  escalation: number;
  repeated: boolean;
  evidence: { state: EvidenceState; files: number; complete: number; thumb: number | null };
  assignee: Person | null;
  handler: Person | null;
  verdict: Verdict | null;
  correction: Correction | null;
  reminder: 'none' | 'sent' | 'delivered' | 'failed';
  check: { at: number; after_s: number; result: Correction } | null;
  policy: number;
}

export interface CasePage {
  as_of: number;
  total: number;
  total_capped: boolean;
  items: CaseRow[];
  next: string | null;
}

export interface StageCount {
  total: number;
  g1: number;
  g2: number;
  g3: number;
  overdue: number;
}

export interface Summary {
  as_of: number;
  stages: { todo: StageCount; doing: StageCount; verify: StageCount };
  mine: number | null;
  oldest_due_at: number | null;
}

export interface Step {
  id: number;
  at: number;
  act: string;
  /** Null: automatic. */
  by: Person | null;
  detail: Record<string, unknown>;
}

export interface CaseAlarm {
  alarm: string;
  warning: number;
  at: number;
  received_at: number;
  phase: number;
  level: number;
  speed_dkmh: number;
  lat_e6: number;
  lon_e6: number;
  files: number;
  identification: string;
  dialect: string;
  backfill: boolean;
}

export interface CaseCommand {
  id: number;
  kind: string;
  purpose: 'tts' | 'stop' | 'call';
  text: string;
  state: string;
  result: string;
  by: Person | null;
  created_at: number;
  sent_at: number | null;
  ended_at: number | null;
}

export interface CaseRecord {
  first_viewed_at: number | null;
  first_viewed_by: Person | null;
  verdict: Verdict | null;
  reason: string | null;
  actions: Measure[];
  driver_reply: string | null;
  correction: Correction | null;
  evidence_viewed: number[];
  text: string | null;
  handler: Person | null;
  handled_at: number | null;
  missing: string[];
}

export interface CaseStatus {
  handled: boolean;
  disposition: Verdict | 'ignored' | null;
  verified: boolean;
  verified_by: Person | null;
  verified_at: number | null;
  evidence_audited: boolean;
  returns: number;
  appeal: null | 'open' | 'upheld' | 'rejected';
}

export interface CaseRequest {
  id: number;
  alarm_no: string;
  state: string;
  answer: string;
  asks: number;
  asked_at: number | null;
  next_at: number | null;
  files: number;
  delay_ms: number | null;
}

export interface CaseTerminal {
  phone: string;
  vendor: OperatorRef | null;
  edition: number;
  fixed: boolean;
  satellites: number | null;
  radio_signal: number | null;
  clock_diff_ms: number | null;
  statuses: Words[];
  alarms: Words[];
}

export type May = Partial<
  Record<
    'claim' | 'release' | 'hand_over' | 'snooze' | 'wake' | 'tts' | 'call' | 'stop' | 'record' | 'verdict' | 'verify' | 'return' | 'close' | 'appeal' | 'ask_evidence',
    boolean
  >
>;

export interface CaseDetail {
  as_of: number;
  case: CaseRow;
  record: CaseRecord;
  status: CaseStatus;
  alarms: CaseAlarm[];
  steps: Step[];
  evidence: (EvidenceFile & { viewed: boolean })[] | null;
  requests: CaseRequest[];
  curve: { from: number; to: number; at: number[]; speed_dkmh: number[]; alarm_at: number; limit_kmh: number | null } | null;
  around: { at: number[]; lat_e6: number[]; lon_e6: number[] } | null;
  driver: { id: number | null; name: string; phone: string | null; source: 'card' | 'none'; at: number } | null;
  terminal: CaseTerminal | null;
  same_type: { minutes_30: number; days_7: number };
  commands: CaseCommand[];
  /** `appeal_until`: when the time to object to the verdict ends; null: there is nothing to object to. */
  clocks: { policy: number; first_action_s: number; close_s: number; checks_s: number[]; verify: boolean; appeal_until: number | null };
  may: May;
}

interface Coded extends Words {
  code: string;
}

export interface CaseWords {
  /** Some codes mean another thing in another dialect: those stand once more, with it. */
  types: (Words & { type: string; dialect: string; grade: number; fault: boolean; source: string; text: string })[];
  reasons: (Coded & { verdicts: Verdict[]; types: string[] | null })[];
  verdicts: Coded[];
  actions: Coded[];
  corrections: Coded[];
  states: Coded[];
  stages: Coded[];
  steps: Coded[];
  snooze: { min_s: number; max_s: number; times: number };
  bulk: { grade: number; most: number };
  stop_text: string;
}

export interface CaseFilter {
  /** `not_closed`: all open ones of a vehicle. */
  stage?: Stage | 'not_closed';
  grade?: string | number | null;
  type?: string;
  city?: number | null;
  county?: number | null;
  operator?: number | null;
  vehicle?: number | null;
  q?: string;
  assignee?: string;
  overdue?: boolean | null;
  fault?: boolean | null;
  escalated?: number | null;
  from?: number | null;
  to?: number | null;
}

export interface Handling {
  verdict: Verdict | null;
  reason: string;
  actions: Measure[];
  driver_reply: string;
  correction: Correction | null;
  text: string;
}

export interface Acted {
  case: CaseRow;
  may: May;
  command?: number;
}

const act = (id: number, name: string, body: object): Promise<Acted> => request<Acted>(`/api/cases/${id}/${name}`, { body });

export const caseApi = {
  page: (filter: CaseFilter, after: string | null, size: number, signal?: AbortSignal, plain = false) =>
    request<CasePage>('/api/cases', { query: { ...filter, after, size }, signal, plain }),
  summary: (filter: Pick<CaseFilter, 'city' | 'county' | 'operator'>, signal?: AbortSignal) =>
    request<Summary>('/api/cases/summary', { query: { ...filter }, signal }),
  /** `plain`: it is read again by itself, so nobody is asked for a reason. */
  one: (id: number, signal?: AbortSignal, plain = false) => request<CaseDetail>(`/api/cases/${id}`, { signal, plain }),
  words: (signal?: AbortSignal) => request<CaseWords>('/api/cases/words', { signal }),
  colleagues: (signal?: AbortSignal) => request<{ items: Person[] }>('/api/cases/colleagues', { signal }),
  csv: (filter: CaseFilter) => withQuery('/api/cases.csv', { ...filter }),
  view: (id: number, files: number[]) => act(id, 'view', { files }),
  claim: (id: number, version: number) => act(id, 'claim', { version }),
  release: (id: number, version: number, note: string) => act(id, 'release', { version, note }),
  handOver: (id: number, version: number, to: number | null, note: string) => act(id, 'hand-over', { version, to, note }),
  handOverAll: (to: number | null, note: string, cases: { id: number; version: number }[] | null) =>
    request<{ done: number; refused: { id: number; field: string; rule: string }[] }>('/api/cases/hand-over', { body: { to, note, cases } }),
  snooze: (id: number, version: number, after_s: number, reason: string) => act(id, 'snooze', { version, after_s, reason }),
  wake: (id: number, version: number) => act(id, 'wake', { version }),
  command: (id: number, version: number, purpose: 'tts' | 'call' | 'stop', given: { text?: string; phone?: string } = {}) =>
    act(id, 'command', { version, purpose, ...given }),
  record: (id: number, version: number, record: Partial<Handling>) => act(id, 'record', { version, ...record }),
  verdict: (id: number, version: number, record: Handling) => act(id, 'verdict', { version, ...record }),
  verify: (id: number, version: number, note: string, evidence_audited: boolean) => act(id, 'verify', { version, note, evidence_audited }),
  return: (id: number, version: number, note: string) => act(id, 'return', { version, note }),
  close: (id: number, version: number) => act(id, 'close', { version }),
  appeal: (id: number, version: number, text: string) => act(id, 'appeal', { version, text }),
  bulkClose: (cases: { id: number; version: number }[], record: Handling) =>
    request<{ done?: number }>('/api/cases/bulk-close', { body: { cases, ...record } }),
};

let reading: Promise<CaseWords> | null = null;

/** Words of types, reasons, steps; read once. */
export function caseWords(): Promise<CaseWords> {
  reading ??= caseApi.words().catch((error: unknown) => {
    reading = null;
    throw error;
  });
  return reading;
}
