/** What hangs on the wall: tiles in a square, each with one channel of one truck or empty. Every change makes a new wall. */
export const GRIDS = [1, 4, 9, 16] as const;
export type Grid = (typeof GRIDS)[number];

export interface Slot {
  vehicle: number;
  channel: number;
}

export interface Wall {
  grid: Grid;
  /** As long as `grid`. */
  slots: readonly (Slot | null)[];
  /** The tile that the next channel goes to and that keys act on. */
  chosen: number;
  /** The tile that fills the wall. */
  enlarged: number | null;
}

export const keyOf = ({ vehicle, channel }: Slot): string => `${vehicle}.${channel}`;
const same = (a: Slot | null | undefined, b: Slot): boolean => a?.vehicle === b.vehicle && a.channel === b.channel;

export function emptyWall(grid: Grid = 4): Wall {
  return { grid, slots: Array.from({ length: grid }, () => null), chosen: 0, enlarged: null };
}

export const shown = (wall: Wall): Slot[] => wall.slots.filter((slot): slot is Slot => slot !== null);

/** The tile that shows it; -1: none. */
export const tileOf = (wall: Wall, slot: Slot): number => wall.slots.findIndex((each) => same(each, slot));

/** Another number of tiles. What no longer fits moves up into empty tiles, and only then falls off the end. */
export function regrid(wall: Wall, grid: Grid): Wall {
  if (grid === wall.grid) return { ...wall, enlarged: null };
  const slots: (Slot | null)[] = Array.from({ length: grid }, (_, place) => wall.slots[place] ?? null);
  for (const slot of wall.slots.slice(grid)) {
    const free = slots.indexOf(null);
    if (slot && free >= 0) slots[free] = slot;
  }
  return { grid, slots, chosen: Math.min(wall.chosen, grid - 1), enlarged: null };
}

/** The smallest wall for so many tiles; the largest where none is large enough. */
export const gridFor = (count: number): Grid => GRIDS.find((grid) => grid >= count) ?? 16;

/**
 * Hangs channels up from the tile `at` on: one goes there whatever is in it, several look for empty tiles after it. What hangs already
 * is not hung twice. An empty wall grows as far as needed. The tile after the last one is chosen next.
 */
export function hang(wall: Wall, wanted: readonly Slot[], at: number = wall.chosen): Wall {
  const fresh = wanted.filter((slot, place) => tileOf(wall, slot) < 0 && wanted.findIndex((each) => same(each, slot)) === place);
  const first = fresh[0];
  if (!first) {
    const there = wanted[0] ? tileOf(wall, wanted[0]) : -1;
    return there < 0 ? wall : { ...wall, chosen: there, enlarged: wall.enlarged === null ? null : there };
  }
  const base = shown(wall).length ? wall : regrid(wall, gridFor(Math.max(fresh.length, wall.grid)));
  const slots = [...base.slots];
  const start = Math.max(0, Math.min(at, base.grid - 1));
  if (fresh.length === 1) {
    slots[start] = first;
    return { ...base, slots, chosen: nextFree(slots, start), enlarged: base.enlarged === null ? null : start };
  }
  let last = start;
  const order = [...slots.keys()].map((step) => (start + step) % base.grid);
  for (const place of order) {
    if (slots[place] !== null) continue;
    const next = fresh.shift();
    if (!next) break;
    slots[place] = next;
    last = place;
  }
  return { ...base, slots, chosen: nextFree(slots, last), enlarged: null };
}

function nextFree(slots: readonly (Slot | null)[], after: number): number {
  const order = [...slots.keys()].map((step) => (after + 1 + step) % slots.length);
  return order.find((place) => slots[place] === null) ?? after;
}

/** Takes a tile's channel down. */
export function clear(wall: Wall, at: number): Wall {
  const slots = wall.slots.map((slot, place) => (place === at ? null : slot));
  return { ...wall, slots, chosen: at, enlarged: wall.enlarged === at ? null : wall.enlarged };
}

/** Two tiles change places. */
export function swap(wall: Wall, from: number, to: number): Wall {
  const slots = [...wall.slots];
  [slots[from], slots[to]] = [slots[to] ?? null, slots[from] ?? null];
  return { ...wall, slots, chosen: to, enlarged: null };
}

/** Fills the wall with one tile, or puts it back. */
export function enlarge(wall: Wall, at: number): Wall {
  if (wall.enlarged !== null || wall.grid === 1) return { ...wall, enlarged: null };
  return wall.slots[at] ? { ...wall, chosen: at, enlarged: at } : wall;
}

const STEPS: Readonly<Record<string, (side: number) => number>> = {
  ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: (side) => -side, ArrowDown: (side) => side,
};

/** The tile that an arrow key leads to. */
export function neighbour(wall: Wall, key: string): number {
  const side = Math.sqrt(wall.grid);
  const to = wall.chosen + (STEPS[key]?.(side) ?? 0);
  const leavesRow = (key === 'ArrowLeft' || key === 'ArrowRight') && Math.floor(to / side) !== Math.floor(wall.chosen / side);
  return to < 0 || to >= wall.grid || leavesRow ? wall.chosen : to;
}
