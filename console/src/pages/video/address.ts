/**
 * The wall in the address, so that it can be passed on: `?grid=9&tiles=12.1,12.2,,15.1&full=1`. `?vehicle=12&channel=1&purpose=…` asks
 * for one truck (all its channels where none is named): that is what other pages link to.
 */
import { GRIDS } from './wall';
import type { Grid, Slot, Wall } from './wall';
import { emptyWall } from './wall';

type Query = Record<string, unknown>;

const VEHICLE_MAX = 2 ** 31 - 1;
const CHANNEL_MAX = 64;

function whole(value: unknown, most: number): number | null {
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : 0;
  return number >= 1 && number <= most ? number : null;
}

function slotOf(text: string): Slot | null {
  const [vehicle, channel] = text.split('.').map((part, place) => whole(part, place ? CHANNEL_MAX : VEHICLE_MAX));
  return vehicle && channel ? { vehicle, channel } : null;
}

/** The wall that an address shows; null where it names none. */
export function readWall(query: Query): Wall | null {
  const grid = GRIDS.find((each) => String(each) === query.grid);
  if (!grid && typeof query.tiles !== 'string') return null;
  const texts = typeof query.tiles === 'string' ? query.tiles.split(',') : [];
  const wall = emptyWall(grid ?? 4);
  const seen = new Set<string>();
  const slots = wall.slots.map((_, place) => {
    const slot = slotOf(texts[place] ?? '');
    if (!slot || seen.has(texts[place] ?? '')) return null;
    seen.add(texts[place] ?? '');
    return slot;
  });
  const full = whole(query.full, wall.grid);
  const enlarged = full !== null && slots[full - 1] ? full - 1 : null;
  const free = slots.indexOf(null);
  return { ...wall, slots, chosen: enlarged ?? Math.max(0, free), enlarged };
}

export function writeWall(wall: Wall): Record<string, string> {
  const tiles = wall.slots.map((slot) => (slot ? `${slot.vehicle}.${slot.channel}` : '')).join(',').replace(/,+$/, '');
  return {
    grid: String(wall.grid as Grid),
    ...(tiles ? { tiles } : {}),
    ...(wall.enlarged === null ? {} : { full: String(wall.enlarged + 1) }),
  };
}

export interface Wanted {
  vehicle: number;
  channel: number | null;
  purpose: string;
  /** Id of the case that it is about; what is recorded or fetched is its evidence then, unless another is chosen. */
  about: number | null;
}

/** The truck that a link asks for. */
export function readWanted(query: Query): Wanted | null {
  const vehicle = whole(query.vehicle, VEHICLE_MAX);
  const purpose = typeof query.purpose === 'string' ? query.purpose.trim().slice(0, 100) : '';
  return vehicle === null ? null : { vehicle, channel: whole(query.channel, CHANNEL_MAX), purpose, about: whole(query.case, VEHICLE_MAX) };
}
