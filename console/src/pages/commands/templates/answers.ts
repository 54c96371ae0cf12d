/** What `/api/templates` says, and the ways to ask it. */
import { request } from '@/api/client';

import type { Choice, VehicleSelection } from '../answers';

export interface Bit {
  bit: number;
  zh: string;
  en: string;
}

/** How one value is entered: of a parameter, or of a field in its block. */
export interface ValueForm {
  zh: string;
  en: string;
  type: 'integer' | 'choice' | 'flags' | 'text' | 'list' | 'block';
  low: number;
  high: number;
  custom: [number, number] | null;
  default: number | null;
  unit: string;
  decimals: number;
  values: Choice[];
  bits: Bit[];
}

export interface FieldForm extends ValueForm {
  name: string;
  required: boolean;
  fields?: FieldForm[];
}

export interface ParameterForm extends ValueForm {
  id: number;
  group: string;
  clause: string;
  since: number;
  until: number;
  sparse?: boolean;
  fields?: FieldForm[];
  by_dialect?: Record<string, FieldForm[]>;
}

export interface TemplateForm {
  groups: { code: string; zh: string; en: string }[];
  dialects: { value: string; zh: string; en: string }[];
  parameters: ParameterForm[];
}

export type PlainValue = number | string | BlockValue | BlockValue[];
export interface BlockValue {
  [field: string]: PlainValue;
}

export interface Entry {
  id: number;
  value: PlainValue;
}

export interface Line {
  id: number;
  field: string;
  zh: string;
  en: string;
  wanted: string;
  found: string;
  wanted_en?: string;
  found_en?: string;
}

export interface Version {
  id: number;
  template: number;
  number: number;
  state: 'draft' | 'approved' | 'in_force';
  note: string;
  author: string;
  created_at: number;
  approved_by: string;
  approved_at: number | null;
  effective_from: number | null;
  parameters: number;
}

export interface Template {
  id: number;
  name: string;
  vehicle_class: string;
  dialect: string;
  model: string;
  edition: number | null;
  on_connect_at: number | null;
  retired_at: number | null;
  created_at: number;
  in_force: Version | null;
  newest: Version;
  results: Partial<Record<Result, number>>;
}

export interface TemplatePage {
  as_of: number;
  items: Template[];
  vehicle_classes: { value: string; zh: string }[];
  may_edit: boolean;
  may_push: boolean;
}

export interface TemplateDetailAnswer {
  as_of: number;
  template: Template;
  versions: Version[];
}

export interface VersionAnswer {
  version: Version;
  template: Template;
  parameters: Entry[];
  lines: Line[];
}

export interface Reported {
  plate: string;
  vehicle_class: string;
  model: string;
  edition: number;
  dialect: string;
  parameters: Entry[];
  lines: Line[];
  left_out: { id: number; rule: string }[];
}

export const RESULTS = ['equal', 'different', 'refused', 'no_answer', 'offline', 'cancelled'] as const;
export type Result = (typeof RESULTS)[number];

export interface Push {
  id: number;
  template: number;
  name: string;
  version: number;
  number: number;
  act: 'push' | 'verify';
  origin: 'person' | 'connect';
  reason: string;
  username: string;
  state: 'running' | 'paused' | 'cancelled' | 'done';
  total: number;
  skipped: number;
  created_at: number;
  expires_at: number;
  ended_at: number | null;
  counts: Record<Result | 'set' | 'read', number>;
}

export interface PushPage {
  as_of: number;
  total: number;
  items: Push[];
}

export interface PushVehicle {
  id: number;
  vehicle_id: number;
  plate: string;
  plate_color: number;
  phone: string;
  step: 'set' | 'read' | 'read_all' | 'ended';
  waits: string;
  result: Result | '';
  cause: string;
  differences: Line[];
  ended_at: number | null;
}

export interface PushVehicles {
  as_of: number;
  total: number;
  items: PushVehicle[];
}

export interface TemplateTerminal {
  vehicle_id: number;
  plate: string;
  phone: string;
  model: string;
  template: number;
  number: number;
  result: Result;
  differences: number;
  push: number;
  checked_at: number;
  verified_number: number | null;
  verified_name: string;
  verified_at: number | null;
}

export interface TerminalPage {
  as_of: number;
  total: number;
  items: TemplateTerminal[];
}

export interface NewTemplate {
  name: string;
  vehicle_class: string;
  dialect: string;
  model: string;
  edition: number | null;
  parameters: Entry[];
  note: string;
}

export interface NewPush {
  filter?: VehicleSelection;
  vehicles?: number[];
  act: 'push' | 'verify';
  reason: string;
  expires_s: number;
  dry_run?: boolean;
}

export interface Begun {
  push: number;
  total: number;
  skipped: number;
}

let reading: Promise<TemplateForm> | null = null;

/** The form does not change while the page lives. */
export function templateForm(): Promise<TemplateForm> {
  reading ??= request<TemplateForm>('/api/templates/form').catch((error: unknown) => {
    reading = null;
    throw error;
  });
  return reading;
}

const BASE = '/api/templates';
export const templatesApi = {
  page: (retired: boolean, signal?: AbortSignal) => request<TemplatePage>(BASE, { query: { retired }, signal }),
  one: (id: number, signal?: AbortSignal) => request<TemplateDetailAnswer>(`${BASE}/${id}`, { signal }),
  version: (id: number, signal?: AbortSignal) => request<VersionAnswer>(`${BASE}/versions/${id}`, { signal }),
  create: (body: NewTemplate) => request<TemplateDetailAnswer>(BASE, { body }),
  revise: (id: number, parameters: Entry[], note: string) => request<VersionAnswer>(`${BASE}/${id}/versions`, { body: { parameters, note } }),
  change: (id: number, body: { name?: string; retired?: boolean; on_connect?: boolean }) =>
    request<TemplateDetailAnswer>(`${BASE}/${id}`, { method: 'PATCH', body }),
  approve: (version: number, effectiveFrom: number | null) =>
    request<VersionAnswer>(`${BASE}/versions/${version}/approve`, { body: { effective_from: effectiveFrom } }),
  copy: (version: number, name: string) => request<TemplateDetailAnswer>(`${BASE}/versions/${version}/copy`, { body: { name } }),
  compare: (before: number, after: number) => request<{ differences: Line[] }>(`${BASE}/compare`, { query: { before, after } }),
  reported: (command: number) => request<Reported>(`${BASE}/reported`, { query: { command } }),
  push: (version: number, body: NewPush) => request<Begun>(`${BASE}/versions/${version}/push`, { body }),
  pushes: (template: number | null, page: number, size: number, signal?: AbortSignal) =>
    request<PushPage>(`${BASE}/pushes`, { query: { template, page, size }, signal }),
  pushOne: (id: number, signal?: AbortSignal) => request<Push>(`${BASE}/pushes/${id}`, { signal }),
  act: (id: number, act: 'pause' | 'resume' | 'cancel' | 'again') => request<Push>(`${BASE}/pushes/${id}/${act}`, { method: 'POST' }),
  vehicles: (id: number, result: string | null, page: number, size: number, signal?: AbortSignal) =>
    request<PushVehicles>(`${BASE}/pushes/${id}/vehicles`, { query: { result, page, size }, signal }),
  terminals: (template: number, result: string | null, page: number, size: number, signal?: AbortSignal) =>
    request<TerminalPage>(`${BASE}/terminals`, { query: { template, result, page, size }, signal }),
  csv: (id: number) => `${BASE}/pushes/${id}/results.csv`,
};
