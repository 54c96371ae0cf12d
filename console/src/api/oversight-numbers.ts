/** What `/api/oversight/verdicts`, `…/funnel` and `…/evidence` say: numbers of the handling with the rows behind them. */
import type { CaseRow } from './cases';
import { request } from './client';
import type { Named } from './oversight';

/** A period of openings (UTC ms, the end excluded) in an area, and one row of a table where it is chosen. */
export interface Choice {
  from: number;
  to: number;
  city?: number | null;
  county?: number | null;
  type?: string;
  dialect?: string;
  /** Empty: of no model, no firmware; 0: of no vendor. */
  model?: string;
  firmware?: string;
  vendor?: number;
  /** Day is 06 to 18 h of China's clock, by the alarm's own time; empty: both. */
  light?: Light | '';
}

export type Light = 'day' | 'night';

export type VerdictKind = 'true' | 'false' | 'undecided';

export interface VerdictRow {
  vendor: Named | null;
  model: string;
  firmware: string;
  type: string;
  type_zh: string;
  type_en: string;
  dialect: string;
  /** Empty: day and night together. */
  light: Light | '';
  true: number;
  false: number;
  undecided: number;
  /** Per cent, of true and false; null where there is none of either. */
  rate: number | null;
  low: number | null;
  high: number | null;
}

export type FunnelCount = 'raw' | 'warnings' | 'alarms' | 'g1' | 'g2' | 'g3';

export interface FunnelRow extends Record<FunnelCount, number> {
  /** Days since 1970-01-01 in China; null in a sum of days. */
  day: number | null;
  operator: Named | null;
}

export type FunnelBy = 'both' | 'day' | 'operator';

export interface FunnelChoice {
  from_day: number;
  to_day: number;
  operator?: number | null;
  city?: number | null;
  county?: number | null;
}

export interface WarningRow {
  id: number;
  vehicle_id: number;
  plate: string;
  plate_color: number;
  type: string;
  type_zh: string;
  type_en: string;
  first_at: number;
  last_at: number;
  count: number;
  level: number;
  grade: number;
  case: { id: number; number: string } | null;
}

export interface EvidenceCounts {
  announced: number;
  complete: number;
  late: number;
  lost: number;
  waiting: number;
  unreadable: number;
}

export interface EvidenceRow extends EvidenceCounts {
  vendor: Named | null;
  model: string;
  firmware: string;
  alarms: number;
  whole: number;
  alarm_rate: number;
  rate: number;
}

/** What a list of alarms is cut to: those that have such a file; `broken`: not whole. */
export type FileState = 'complete' | 'late' | 'lost' | 'waiting' | 'unreadable' | 'broken';

export interface AlarmFiles extends EvidenceCounts {
  case: { id: number; number: string };
  plate: string;
  plate_color: number;
  type: string;
  type_zh: string;
  type_en: string;
  alarm_at: number;
  asks: number;
  answer: string;
  cause: string;
}

export interface Listed<T> {
  as_of: number;
  total: number;
  items: T[];
}

type Value = string | number | boolean | null | undefined;

/** An empty text is a value here: it asks for rows of no model. Null and absent are any. */
export function exact(path: string, query: Record<string, Value>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== null && value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

const read = <T>(path: string, query: Record<string, Value>, signal?: AbortSignal): Promise<T> => request<T>(exact(`/api/oversight/${path}`, query), { signal });

export const numberApi = {
  /** `apart`: alarms by day and by night stand in rows of their own. */
  verdicts: (choice: Choice, apart: boolean, signal?: AbortSignal) => read<{ as_of: number; items: VerdictRow[] }>('verdicts', { ...choice, by_light: apart || null }, signal),
  verdictCases: (choice: Choice, verdict: VerdictKind | '', page: number, size: number, signal?: AbortSignal) =>
    read<Listed<CaseRow>>('verdicts/cases', { ...choice, verdict, page, size }, signal),
  verdictsCsv: (choice: Choice, apart: boolean) => exact('/api/oversight/verdicts.csv', { ...choice, by_light: apart || null }),
  funnel: (choice: FunnelChoice, by: FunnelBy, page: number, size: number, signal?: AbortSignal) =>
    read<Listed<FunnelRow> & { sum: FunnelRow }>('funnel', { ...choice, by, page, size }, signal),
  funnelCsv: (choice: FunnelChoice, by: FunnelBy) => exact('/api/oversight/funnel.csv', { ...choice, by }),
  /** `operator` 0: of none. */
  warnings: (day: number, operator: number, graded: boolean, area: Pick<FunnelChoice, 'city' | 'county'>, page: number, size: number, signal?: AbortSignal) =>
    read<Listed<WarningRow> & { kept_from: number; from_history: boolean }>('funnel/warnings', { ...area, day, operator, graded, page, size }, signal),
  funnelCases: (day: number, operator: number, grade: number, area: Pick<FunnelChoice, 'city' | 'county'>, page: number, size: number, signal?: AbortSignal) =>
    read<Listed<CaseRow>>('funnel/cases', { ...area, day, operator, grade, page, size }, signal),
  evidence: (choice: Choice, signal?: AbortSignal) => read<{ as_of: number; items: EvidenceRow[] }>('evidence', { ...choice }, signal),
  evidenceAlarms: (choice: Choice, state: FileState | '', page: number, size: number, signal?: AbortSignal) =>
    read<Listed<AlarmFiles>>('evidence/alarms', { ...choice, state, page, size }, signal),
  evidenceCsv: (choice: Choice) => exact('/api/oversight/evidence.csv', { ...choice }),
};
