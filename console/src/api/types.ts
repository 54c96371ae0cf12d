/** What the server says. Times are Unix milliseconds, positions 1e-6 degrees WGS-84, speed 0.1 km/h, mileage 0.1 km. */
export interface Account {
  id: number;
  username: string;
  display_name: string;
  role: string;
  role_zh: string;
  role_en: string;
  organisation: { id: number; kind: string; name: string } | null;
  city: number | null;
  county: number | null;
  operator_id: number | null;
  must_change_password: boolean;
  must_enrol_totp: boolean;
  /** One-time codes are in force for the account. */
  totp: boolean;
  password_expires_at: number | null;
  proved_until: number;
}

export type Manner = 'full' | 'own' | 'aggregate' | 'reason' | 'reason+own' | 'none';

export interface Right {
  kind: string;
  act: string;
  manner: Manner;
  narrow: string;
}

export interface HeldGrant {
  id: number;
  kind: string;
  subjects: number[];
  to_at: number;
  reason: string;
}

/** Who is logged in, and what the console's menu is made of. */
export interface Me {
  user: Account;
  rights: Right[];
  pages: string[];
  landing: string;
  grants: HeldGrant[];
}

/** How one may sign in here. */
export interface Ways {
  password: boolean;
  oidc: { name: string; start: string } | null;
}

export interface SystemInfo {
  version: string;
  demo: boolean;
  admission: 'known' | 'open';
  gateway_port: number;
  map: { tiles: string; credit: string; pmtiles: boolean };
  now: number;
}

export interface County {
  adcode: number;
  name: string;
  name_en?: string;
  label: [number, number];
}

export interface City {
  adcode: number;
  name: string;
  name_en: string;
  plate: string;
  label: [number, number];
  counties: County[];
}

export type VehicleState = 'moving' | 'stopped' | 'offline' | 'never';
export type StateFilter = 'all' | 'online' | 'moving' | 'stopped' | 'offline' | 'alarm';

export interface VehicleLive {
  state: VehicleState;
  at: number;
  received_at: number;
  /** Null before the first fix. */
  lat_e6: number | null;
  lon_e6: number | null;
  speed_dkmh: number;
  direction_deg: number | null;
  alarm: number;
  fixed: boolean;
}

export interface OperatorRef {
  id: number;
  name: string;
}

export interface TerminalRef {
  id: number;
  phone: string;
  terminal_id: string;
  model: string;
  edition: number;
}

export interface VehicleRow {
  id: number;
  plate: string;
  plate_color: number;
  vin: string | null;
  vehicle_class: string | null;
  city: number | null;
  county: number | null;
  operator: OperatorRef | null;
  terminal: TerminalRef | null;
  live: VehicleLive | null;
}

export interface Page<Row> {
  as_of: number;
  total: number;
  items: Row[];
}

export interface NamedBit {
  bit: number;
  zh: string;
  en: string;
}

export interface ItemView {
  id: number;
  length: number;
  name_zh: string;
  name_en: string;
  value_text: string;
  unit: string;
  raw_hex: string;
}

export interface CardFix {
  at: number;
  received_at: number;
  lat_e6: number;
  lon_e6: number;
  speed_dkmh: number;
  direction_deg: number | null;
  altitude_m: number;
  mileage_hm: number | null;
  alarm: number;
  status: number;
  alarms: NamedBit[];
  statuses: NamedBit[];
  video_alarms: NamedBit[];
  items: ItemView[];
}

export interface CardSession {
  opened_at: number;
  closed_at: number | null;
  open: boolean;
  /** Why it was closed; empty while it is open. */
  reason: string;
  gateway: string;
  transport: string;
  peer: string;
  edition: number;
  /** So far while it is open; null: its gateway does not say. */
  frames: number | null;
  locations: number | null;
  refused: number | null;
  bytes_in: number | null;
}

export interface CardToday {
  locations: number;
  backfilled: number;
  first_at: number | null;
  last_at: number | null;
  mileage_hm: number | null;
  refused: { kind?: string; reason: string; detail?: string; message_id: number | null; count: number; last_at: number }[];
}

export interface CardProfile {
  name: string;
  version: number;
  zh: string;
  en: string;
  by_hand: boolean;
  firmware: string;
  silent_at: number | null;
}

export interface VehicleCard {
  vehicle: VehicleRow;
  fix: CardFix | null;
  session: CardSession | null;
  /** Null before the terminal was matched. */
  profile?: CardProfile | null;
  today: CardToday;
  recent: [number, number][];
}

/** Live counts of each city; `adcode` 0 is for vehicles without one. */
export interface AreaCounts {
  as_of: number;
  items: { adcode: number; counts: { total: number; online: number; moving: number; stopped: number; offline: number; alarm: number } }[];
}
