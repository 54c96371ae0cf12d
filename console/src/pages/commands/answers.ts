/** What `/api/commands` says, and the ways to ask it. */
import { request } from '@/api/client';
import { onOtherRights } from '@/shell/session';

export interface Choice {
  value: number;
  zh: string;
  en: string;
}

export type FieldType =
  | 'integer'
  | 'text'
  | 'phone'
  | 'choice'
  | 'flag'
  | 'bits'
  | 'numbers'
  | 'texts'
  | 'hex'
  | 'degrees'
  | 'time'
  | 'areas'
  | 'rows'
  | 'parameters'
  | 'parameter_ids';

export interface FormField {
  name: string;
  type: FieldType;
  zh: string;
  en: string;
  clause: string;
  low: number;
  high: number;
  unit: string;
  most: number;
  values: Choice[];
  default: unknown;
  required: boolean;
  /** Of rows: what each row holds. */
  columns: FormField[];
  only: { field: string; values: number[] } | null;
}

export interface Kind {
  code: string;
  zh: string;
  en: string;
  group: 'query' | 'notice' | 'parameter' | 'media' | 'area' | 'recorder' | 'control';
  clause: string;
  reason: boolean;
  single: boolean;
  fields: FormField[];
}

export interface ParameterRow {
  id: number;
  zh: string;
  en: string;
  type: 'integer' | 'text' | 'hex';
  high: number;
  unit: string;
  decimals: number;
  values: Choice[];
  since: number;
  until: number;
}

export interface Catalogue {
  kinds: Kind[];
  parameters: ParameterRow[];
  vehicle_classes: { value: string; zh: string }[];
  may_send: boolean;
}

export type CommandState = 'queued' | 'sent' | 'answered' | 'failed' | 'expired' | 'cancelled';
export const STATES: readonly CommandState[] = ['queued', 'sent', 'answered', 'failed', 'expired', 'cancelled'];

export interface Batch {
  id: number;
  kind: string;
  parameters: Record<string, unknown>;
  reason: string;
  username: string;
  state: 'running' | 'paused' | 'cancelled' | 'done';
  total: number;
  skipped: number;
  created_at: number;
  expires_at: number;
  ended_at: number | null;
  counts: Record<CommandState, number>;
  failures: Record<string, number>;
}

export interface AnswerRow {
  name: string;
  zh: string;
  en: string;
  text: string;
  note: string;
  note_en?: string;
}

export interface ParameterView {
  id: number;
  zh: string;
  en: string;
  text: string;
  note: string;
  note_en?: string;
  hex: string;
}

export interface AnswerTable {
  zh: string;
  en: string;
  /** `words`: cells in English, where that differs. */
  columns: { name: string; zh: string; en: string; words?: Record<string, string> }[];
  rows: string[][];
  total: number;
}

export interface Answer {
  message_id: number;
  zh?: string;
  en?: string;
  rows: AnswerRow[];
  hex: string;
  parameters?: ParameterView[];
  tables?: AnswerTable[];
  location?: { lat_e6: number; lon_e6: number; speed_dkmh: number; direction_deg: number | null; time: string; fixed: boolean };
}

export interface Command {
  id: number;
  batch: number;
  kind: string;
  vehicle_id: number;
  plate: string;
  plate_color: number;
  phone: string;
  state: CommandState;
  result: string;
  answer: Answer | null;
  edition: number | null;
  attempts: number;
  gateway: string;
  username: string;
  reason: string;
  created_at: number;
  sent_at: number | null;
  ended_at: number | null;
}

export interface CommandPage {
  as_of: number;
  total: number;
  items: Command[];
  never_answers: boolean;
}

export interface BatchPage {
  as_of: number;
  total: number;
  items: Batch[];
}

export interface VehicleSelection {
  city: number | null;
  county: number | null;
  operator: number | null;
  vehicle_class: string | null;
  model: string | null;
  state: 'all' | 'online' | 'moving' | 'stopped' | 'offline' | 'alarm';
}

export interface NewCommand {
  kind: string;
  parameters: Record<string, unknown>;
  vehicles?: number[];
  filter?: VehicleSelection;
  reason: string;
  expires_s: number;
  dry_run?: boolean;
}

export interface Sent {
  batch: number;
  total: number;
  skipped: number;
}

let reading: Promise<Catalogue> | null = null;
onOtherRights(() => (reading = null));

/** The kinds do not change while the page lives; who may send them does. */
export function catalogue(): Promise<Catalogue> {
  const asked = (reading ??= request<Catalogue>('/api/commands/kinds'));
  void asked.catch(() => reading === asked && (reading = null));
  return asked;
}

export const commandsApi = {
  send: (body: NewCommand) => request<Sent>('/api/commands', { body }),
  list: (query: { batch?: number; vehicle?: number; state?: string | null; page?: number; size?: number }, signal?: AbortSignal) =>
    request<CommandPage>('/api/commands', { query, signal }),
  batches: (page: number, size: number, signal?: AbortSignal) =>
    request<BatchPage>('/api/commands/batches', { query: { page, size }, signal }),
  batch: (id: number, signal?: AbortSignal) => request<Batch>(`/api/commands/batches/${id}`, { signal }),
  act: (id: number, act: 'pause' | 'resume' | 'cancel') => request<Batch>(`/api/commands/batches/${id}/${act}`, { method: 'POST' }),
  table: (command: number, index: number) => `/api/commands/${command}/table.csv?table=${index}`,
  csv: (id: number) => `/api/commands/batches/${id}/results.csv`,
};

export const isOpen = (state: CommandState): boolean => state === 'queued' || state === 'sent';
