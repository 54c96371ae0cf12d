/** What `/api/access/…` answers. Times are UTC milliseconds; totals count since the gateway's boot. */

export interface GatewayStatus {
  gateway: string;
  boot: number;
  at: number;
  port: number;
  connections: number;
  authenticated: number;
  frames: number;
  locations: number;
  refused: Record<string, number>;
  bytes_in: number;
  locations_per_s: number;
  frames_per_s: number;
  /** Null until something was acknowledged. */
  ack_ms_p50: number | null;
  ack_ms_p99: number | null;
  paused: boolean;
  paused_reason: string;
  bus: boolean;
  tick_ms: number;
  /** Heard of in the last 5 s. */
  alive: boolean;
  heard_at?: number;
}

export interface Gateways {
  as_of: number;
  items: GatewayStatus[];
}

/** Start of the step, locations/s, frames/s, connections, refused/s: means of the step. */
export type RatePoint = [at: number, locations: number, frames: number, connections: number, refused: number];

export interface Rates {
  as_of: number;
  step_s: number;
  series: { gateway: string; points: RatePoint[] }[];
}

export interface SessionRow {
  session: string | number;
  phone: string;
  vehicle_id: number | null;
  plate: string;
  gateway: string;
  transport: string;
  peer: string;
  edition: number;
  opened_at: number;
  closed_at: number | null;
  reason: string;
  /** Null: the gateway of an open session does not say. */
  frames: number | null;
  locations: number | null;
  refused: number | null;
  bytes_in: number | null;
}

export interface LedgerRow {
  reason: string;
  /** Such as the id of the item; empty where the reason says all. */
  detail?: string;
  clause?: string;
  kind: string;
  message_id: number | null;
  count: number;
  first_at: number;
  last_at: number;
  example_hex: string;
  /** Only by reason: how many terminals. */
  terminals?: number;
  /** Only by terminal. */
  phone?: string;
  vehicle_id?: number | null;
  plate?: string;
  peer?: string;
}

export interface LedgerPage {
  as_of: number;
  total: number;
  items: LedgerRow[];
}
