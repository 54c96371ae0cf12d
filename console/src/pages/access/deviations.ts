/** What `/api/access/deviations` answers. Times are UTC milliseconds. */

export interface DeviationWords {
  reason: string;
  /** Such as the item's id; empty where the reason says all. */
  detail: string;
  clause: string;
  /** Number of the quirk in docs/profiles.md, or empty. */
  quirk: string;
  zh: string;
  en: string;
}

export interface DeviationGroup extends DeviationWords {
  manufacturer_id: string;
  model: string;
  firmware: string;
  /** `name@version`; empty before a terminal was matched. */
  profile: string;
  kind: string;
  message_id: number | null;
  expected: boolean;
  count: number;
  terminals: number;
  first_at: number;
  last_at: number;
  example_hex: string;
}

export interface DeviationReport {
  as_of: number;
  from: string;
  to: string;
  truncated: boolean;
  total: number;
  items: DeviationGroup[];
}

export interface DeviatingTerminal extends DeviationWords {
  phone: string;
  terminal_id: number;
  vehicle_id: number | null;
  plate: string;
  kind: string;
  message_id: number | null;
  count: number;
  first_at: number;
  last_at: number;
  example_hex: string;
}

export interface DeviatingTerminals {
  as_of: number;
  total: number;
  truncated: boolean;
  items: DeviatingTerminal[];
}

export const keyOf = (row: DeviationGroup): string =>
  [row.manufacturer_id, row.model, row.firmware, row.profile, row.kind, row.reason, row.detail, row.message_id].join('|');

export interface DeviceCount {
  key: string;
  model: string;
  firmware: string;
  count: number;
  clauses: number;
}

/** Sums by model and firmware, the most frequent first. */
export function byDevice(rows: readonly DeviationGroup[]): DeviceCount[] {
  const found = new Map<string, DeviceCount>();
  for (const row of rows) {
    const key = [row.manufacturer_id, row.model, row.firmware].join('|');
    const one = found.get(key) ?? { key, model: row.model, firmware: row.firmware, count: 0, clauses: 0 };
    one.count += row.count;
    one.clauses += 1;
    found.set(key, one);
  }
  return [...found.values()].sort((a, b) => b.count - a.count || a.key.localeCompare(b.key));
}
