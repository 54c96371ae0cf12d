/** Marks on the map and where their labels find room. Nothing is dropped: a mark without room becomes a small dot. */
import { ORIGIN_BACKFILL } from './answer';
import type { Track } from './track';
import { screenX, screenY } from './view';
import type { View } from './view';

export interface Mark {
  id: string;
  kind: 'start' | 'end' | 'stop' | 'gap' | 'alarm';
  /** For the start and the end: one character. */
  letter: string;
  label: string;
  mx: number;
  my: number;
  /** Seek time. */
  at: number;
  /** Longer things get room first. */
  weight: number;
}

export interface Label {
  text: string;
  x: number;
  y: number;
  align: 'left' | 'right' | 'center';
  strong: boolean;
}

export interface Rect {
  x: number;
  y: number;
  w: number;
  h: number;
}

const RANK = { start: 0, end: 0, gap: 1, alarm: 2, stop: 3 };
/** More labels than this are noise; the list has them all. */
const MOST_LABELS = 24;

function meets(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

export function place(
  view: View,
  marks: readonly Mark[],
  keepFree: readonly Rect[],
  widthOf: (text: string) => number,
): { full: Mark[]; small: Mark[]; labels: (Label & { strong: boolean })[] } {
  const full: Mark[] = [];
  const small: Mark[] = [];
  const labels: Label[] = [];
  const taken: Rect[] = [];
  const ordered = [...marks].sort((a, b) => RANK[a.kind] - RANK[b.kind] || b.weight - a.weight);
  for (const mark of ordered) {
    const x = screenX(view, mark.mx);
    const y = screenY(view, mark.my);
    if (x < -20 || y < -20 || x > view.width + 20 || y > view.height + 20) continue;
    const box = { x: x - 9, y: y - 9, w: 18, h: 18 };
    if (mark.kind !== 'gap') {
      if (taken.some((other) => meets(other, box)) && RANK[mark.kind] > 0) {
        small.push(mark);
        continue;
      }
      taken.push(box);
    }
    full.push(mark);
  }
  for (const mark of full) {
    if (!mark.label || labels.length >= MOST_LABELS) continue;
    const found = room(view, mark, [...taken, ...keepFree], widthOf(mark.label));
    if (!found) continue;
    taken.push(found.rect);
    labels.push({ ...found.label, strong: mark.kind === 'alarm' });
  }
  return { full, small, labels };
}

type Try = readonly [align: Label['align'], dx: number, dy: number];
const AROUND_A_MARK: readonly Try[] = [
  ['center', 0, -19],
  ['center', 0, 20],
  ['left', 14, 0],
  ['right', -14, 0],
  ['left', 10, -16],
  ['right', -10, -16],
];
/** A gap's label never lies on its own dashes. */
const BESIDE_A_LINE: readonly Try[] = [
  ['center', 0, -19],
  ['center', 0, 20],
  ['left', 4, -22],
  ['left', 4, 22],
  ['right', -4, -22],
  ['right', -4, 22],
];

function room(view: View, mark: Mark, taken: readonly Rect[], width: number): { label: Label; rect: Rect } | null {
  const x = screenX(view, mark.mx);
  const y = screenY(view, mark.my);
  const tries = mark.kind === 'gap' ? BESIDE_A_LINE : AROUND_A_MARK;
  for (const [align, dx, dy] of tries) {
    const left = x + dx - (align === 'center' ? width / 2 : align === 'right' ? width : 0);
    const rect = { x: left - 2, y: y + dy - 9, w: width + 4, h: 18 };
    if (rect.x < 2 || rect.x + rect.w > view.width - 2 || rect.y < 2 || rect.y + rect.h > view.height - 2) continue;
    if (taken.some((other) => meets(other, rect))) continue;
    return { rect, label: { text: mark.label, x: x + dx, y: y + dy, align, strong: false } };
  }
  return null;
}

const CELL = 4;

/** The raw points on the screen, at most one a cell of 4 pixels, as x, y pairs: received live and backfilled. */
export function shownPoints(view: View, track: Track): { live: number[]; late: number[] } {
  const columns = Math.ceil(view.width / CELL) + 1;
  const rows = Math.ceil(view.height / CELL) + 1;
  const seen = new Uint8Array(columns * rows);
  const live: number[] = [];
  const late: number[] = [];
  for (let k = 0; k < track.n; k++) {
    const x = screenX(view, track.mx[k] ?? 0);
    const y = screenY(view, track.my[k] ?? 0);
    if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
    const cell = Math.floor(y / CELL) * columns + Math.floor(x / CELL);
    const backfilled = track.origin[k] === ORIGIN_BACKFILL;
    const bit = backfilled ? 2 : 1;
    if (((seen[cell] ?? 0) & bit) !== 0) continue;
    seen[cell] = (seen[cell] ?? 0) | bit;
    (backfilled ? late : live).push(x, y);
  }
  return { live, late };
}
