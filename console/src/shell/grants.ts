/** Access on a recorded reason. Times UTC ms. */
import { request } from '@/api/client';
import type { Words } from '@/i18n';
import type { Pick } from '@/parts/LwPicker.vue';

export interface Grant {
  id: number;
  kind: string;
  kind_zh: string;
  purpose: string;
  case_number: string;
  vehicles: { id: number; plate: string; plate_color: number }[];
  minutes: number;
  state: 'requested' | 'active' | 'refused' | 'ended' | 'expired';
  requested_at: number;
  username: string;
  display_name: string;
  organisation: string;
  decided_at: number | null;
  decided_by: string | null;
  note: string;
  from_at: number | null;
  to_at: number | null;
  ended_at: number | null;
  may_decide: boolean;
  may_end: boolean;
}

/** Rows of the rights table that may be asked for, with the kinds of data that belong to each. */
export const GRANT_ROWS: readonly (Words & { code: string; kinds: readonly string[] })[] = [
  { code: 'vehicle', zh: '车辆、备案、安装状态', en: 'Vehicle, filing, install state', kinds: ['vehicle'] },
  { code: 'position', zh: '实时位置、轨迹', en: 'Live position, track', kinds: ['position', 'track'] },
  { code: 'video', zh: '实时视频', en: 'Live video', kinds: ['video'] },
  { code: 'talk', zh: '对讲、监听、广播', en: 'Talk, listening in, broadcast', kinds: ['talk', 'listen', 'broadcast'] },
  { code: 'alarm', zh: '报警', en: 'Alarms', kinds: ['alarm'] },
  { code: 'evidence', zh: '证据（车内图片、视频）', en: 'Evidence (in-cab picture, video)', kinds: ['evidence'] },
  { code: 'driver', zh: '驾驶员身份', en: 'Driver identity', kinds: ['driver'] },
];

const parts = (text: string): string[] => text.split(/[\s,，、;；]+/).filter(Boolean);

/** Plates as a person lists them; a dot after the authority's letter is left out. */
export const plates = (text: string): string[] => parts(text).map((plate) => plate.replace(/[·•.]/g, '').toUpperCase());

interface DriverMatch {
  id: number;
  name: string;
  operator: string;
  identity_number: string;
}

/** Drivers of exactly this name that one may ask for; nobody is found by a part of a name. */
export async function driversNamed(name: string, signal: AbortSignal): Promise<Pick[]> {
  if (name.length < 2) return [];
  const found = await request<{ items: DriverMatch[] }>('/api/grants/drivers', { query: { name }, signal, plain: true });
  return found.items.map((each) => ({ id: each.id, label: each.name, about: [each.operator, each.identity_number].filter(Boolean).join(' · ') }));
}
