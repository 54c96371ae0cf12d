/** What `/api/profiles` and `/api/terminals/{id}/profile` say. Times are UTC milliseconds. */
import { request } from '@/api/client';

export interface Profile {
  name: string;
  version: number;
  zh: string;
  en: string;
  source: string;
  shipped: boolean;
  by_hand_only: boolean;
  editions: number[];
  charset: string;
  safety: string;
  clock_zone_h: number;
  slave_server: boolean;
  terminals: number;
}

/** Criterion, rule of the profile, value of the terminal. */
export type Why = [key: string, rule: string, value: string];

export interface ProfileChange {
  at: number;
  profile: string;
  version: number;
  by_hand: boolean;
  firmware: string;
  username: string;
  why: Why[];
}

export interface TerminalProfile {
  as_of: number;
  terminal_id: number;
  profile: Profile | null;
  assigned?: {
    profile: string;
    version: number;
    by_hand: boolean;
    why: Why[];
    manufacturer_id: string;
    model: string;
    firmware: string;
    edition: number;
    dialect: string;
    silent_at: number | null;
    decided_at: number;
    changes: ProfileChange[];
  };
  confirmed?: boolean;
}

export const profilesApi = {
  all: () => request<{ items: Profile[] }>('/api/profiles').then((answer) => answer.items),
  of: (terminal: number, signal?: AbortSignal) => request<TerminalProfile>(`/api/terminals/${terminal}/profile`, { signal }),
  choose: (terminal: number, profile: string | null, reason: string) =>
    request<TerminalProfile>(`/api/terminals/${terminal}/profile`, { method: 'PUT', body: { profile, reason } }),
};
