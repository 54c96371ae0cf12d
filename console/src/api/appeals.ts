/** What `/api/appeals`, `/api/cases/{id}/effect`, `…/sealing` and `/api/oversight/flags` say. Times UTC ms. */
import type { Person, Verdict } from './cases';
import { request, withQuery } from './client';
import type { Named } from './oversight';

export type AppealState = 'open' | 'upheld' | 'rejected';
/** Why a person may not decide; empty where the person may. */
export type WhyNot = '' | 'decided' | 'not_authority' | 'judged' | 'appealed';

export interface Appeal {
  id: number;
  case: { id: number; number: string };
  /** Of the case: a decision names it. */
  case_version: number;
  grade: number;
  plate: string;
  plate_color: number;
  type: string;
  type_zh: string;
  type_en: string;
  verdict: Verdict;
  by: Person | null;
  by_role: string;
  text: string;
  requested_at: number;
  due_at: number;
  overdue: boolean;
  state: AppealState;
  reviewer: Person | null;
  decided_at: number | null;
  decided_late: boolean;
  decision: string;
  effect: { before: Verdict; after: Verdict } | null;
  may_decide: boolean;
  why_not: WhyNot;
}

export interface AppealFilter {
  state?: AppealState | '';
  overdue?: boolean | null;
  city?: number | null;
  county?: number | null;
}

/** A verdict as it was given, and what it counts as. */
export interface Standing {
  case: number;
  verdict: Verdict | '';
  effective: Verdict | '';
  appeal: Appeal | null;
}

export const appealApi = {
  page: (filter: AppealFilter, page: number, size: number, signal?: AbortSignal) =>
    request<{ as_of: number; total: number; items: Appeal[] }>('/api/appeals', { query: { ...filter, page, size }, signal }),
  /** What an appeal made of a case. */
  standing: (id: number, signal?: AbortSignal) => request<Standing>(`/api/cases/${id}/effect`, { signal }),
  decide: (appeal: Pick<Appeal, 'id' | 'case_version'>, decision: 'upheld' | 'rejected', verdict: 'false' | 'undecided' | '', reason: string) =>
    request<Standing>(`/api/appeals/${appeal.id}/decide`, { body: { version: appeal.case_version, decision, verdict, reason } }),
};

export interface Review {
  user_id: number;
  name: string;
  at: number;
  note: string;
}

export type PackageState = 'waiting' | 'running' | 'done' | 'refused' | 'failed' | 'expired';

export interface SealedPackage {
  id: number;
  state: PackageState;
  /** 0 to 1. */
  done: number;
  files: number;
  bytes: number;
  sha256: string;
  failure: string;
  purpose: string;
  by: string;
  created_at: number;
  ended_at: number | null;
  expires_at: number | null;
}

/** `reason`: the person must record one, and is asked for it. */
export type SealWhy = '' | 'state' | 'handler' | 'reviewed' | 'approvals' | 'files' | 'reason' | 'right';

export interface SealingState {
  as_of: number;
  /** Of the case. */
  version: number;
  sealing: { approvals: Review[]; needed: number; ready: boolean; files: number; keep_days: number; packages: SealedPackage[] };
  may: { approve: boolean; order: boolean };
  why: { approve: SealWhy; order: SealWhy };
}

export interface PublicKey {
  algorithm: string;
  curve: string;
  public_key: string;
  fingerprint: string;
}

export const sealingApi = {
  state: (id: number, signal?: AbortSignal) => request<SealingState>(`/api/cases/${id}/sealing`, { signal }),
  approve: (id: number, version: number, note: string) => request<SealingState>(`/api/cases/${id}/sealing/approve`, { body: { version, note } }),
  order: (id: number, purpose: string) => request<{ id: number }>(`/api/cases/${id}/packages`, { body: { purpose } }),
  file: (id: number, made: number, purpose: string) => withQuery(`/api/cases/${id}/packages/${made}/file`, { purpose }),
  publicKey: (signal?: AbortSignal) => request<PublicKey>('/api/oversight/public-key', { signal }),
};

export type FlagKind = 'same_text' | 'many' | 'too_fast' | 'unseen';

export interface Flag {
  id: number;
  kind: FlagKind;
  person: Person | null;
  organisation: Named | null;
  first_at: number;
  last_at: number;
  count: number;
  /** What was written again and again. */
  text: string;
  state: 'open' | 'dismissed';
  dismissed_by: Person | null;
  dismissed_at: number | null;
  reason: string;
}

export interface FlagCase {
  id: number;
  number: string;
  type: string;
  plate: string;
  plate_color: number;
  at: number;
  /** From the first look to the verdict. */
  ms: number | null;
  text: string;
}

export interface FlagFilter {
  kind?: FlagKind | '';
  state?: Flag['state'] | '';
  organisation?: number | null;
  city?: number | null;
  county?: number | null;
}

export interface FlagDetail {
  as_of: number;
  flag: Flag;
  cases: FlagCase[];
}

export const flagApi = {
  page: (filter: FlagFilter, page: number, size: number, signal?: AbortSignal) =>
    request<{ as_of: number; total: number; items: Flag[] }>('/api/oversight/flags', { query: { ...filter, page, size }, signal }),
  one: (id: number, signal?: AbortSignal) => request<FlagDetail>(`/api/oversight/flags/${id}`, { signal }),
  dismiss: (id: number, reason: string) => request<FlagDetail>(`/api/oversight/flags/${id}/dismiss`, { body: { reason } }),
};
