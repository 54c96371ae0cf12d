/** Imports in the background. Times UTC ms. */
import { request } from '@/api/client';
import type { Page } from '@/api/types';

import type { NounCode } from './nouns';

export interface Job {
  id: number;
  noun: string;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'interrupted';
  dry_run: boolean;
  file: string;
  rows: number;
  created: number;
  updated: number;
  refused: number;
  /** Why the file as a whole was refused. */
  failure: string;
  username: string;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
}

export interface JobState {
  job: Job;
  stage: string;
  rows_done: number;
}

export interface RowError {
  row: number;
  column: string;
  rule: string;
  value: string;
}

export const isUnderWay = (job: Job): boolean => job.state === 'waiting' || job.state === 'running';
/** Rows that said nothing new. */
export const unchanged = (job: Job): number => Math.max(0, job.rows - job.created - job.updated - job.refused);

export const jobsApi = {
  begin: (noun: NounCode, file: File, dryRun: boolean) => {
    const form = new FormData();
    form.append('file', file);
    return request<{ job: number }>(`/api/import/${noun}/job?dry_run=${dryRun}`, { method: 'POST', body: form });
  },
  list: (page: number, size: number, signal?: AbortSignal) => request<Page<JobState>>('/api/jobs', { query: { page, size }, signal }),
  one: (id: number, signal?: AbortSignal) => request<JobState>(`/api/jobs/${id}`, { signal }),
  errors: (id: number, page: number, size: number, signal?: AbortSignal) =>
    request<{ total: number; items: RowError[] }>(`/api/jobs/${id}/errors`, { query: { page, size }, signal }),
  cancel: (id: number) => request<JobState>(`/api/jobs/${id}/cancel`, { method: 'POST' }),
};
