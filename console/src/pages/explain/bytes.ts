/** The bytes of a frame as cells: each knows its field, so that cell and table row find one another. */
import type { FieldRow, GroupKey } from './answers';

export interface Cell {
  at: number;
  text: string;
  /** Index of the row of its field; -1 where none covers it. */
  row: number;
  group: GroupKey;
  /** Every other field is a shade darker, so that neighbours of one group are told apart. */
  shade: boolean;
  first: boolean;
  last: boolean;
  fault: boolean;
  /** Part of an escape: 7D 01 or 7D 02 stands for one byte. */
  escape: boolean;
}

export interface Line {
  offset: string;
  cells: Cell[];
}

/** Whether the pointer itself moved: scrolling under a resting pointer also reports a move, which chooses nothing. */
export const moved = (event: MouseEvent): boolean => event.movementX !== 0 || event.movementY !== 0;

export const offset = (at: number): string => at.toString(16).toUpperCase().padStart(4, '0');

/** `fault`: offset of the byte where reading stopped, or null. */
export function cells(hex: string, rows: readonly FieldRow[], fault: number | null, escaped = true): Cell[] {
  const count = hex.length >> 1;
  const owner = new Int32Array(count).fill(-1);
  rows.forEach((row, index) => owner.fill(index, Math.min(row.offset, count), Math.min(row.offset + row.length, count)));
  const found: Cell[] = [];
  for (let at = 0; at < count; at += 1) {
    const row = owner[at] as number;
    const text = hex.slice(2 * at, 2 * at + 2).toUpperCase();
    const next = hex.slice(2 * at + 2, 2 * at + 4);
    const before = found[at - 1];
    found.push({
      at,
      text,
      row,
      group: rows[row]?.group ?? 'raw',
      shade: row % 2 === 1,
      first: at === 0 || owner[at - 1] !== row,
      last: at === count - 1 || owner[at + 1] !== row,
      fault: fault !== null && at === Math.min(fault, count - 1),
      escape:
        escaped &&
        ((text === '7D' && (next === '01' || next === '02')) || (before?.text === '7D' && before.escape && (text === '01' || text === '02'))),
    });
  }
  return found;
}

export function lines(all: readonly Cell[], columns: number): Line[] {
  const out: Line[] = [];
  for (let at = 0; at < all.length; at += columns) out.push({ offset: offset(at), cells: all.slice(at, at + columns) });
  return out;
}

/** The row with the byte where reading stopped; the last row where the fault lies behind the end. */
export function faultRow(rows: readonly FieldRow[], fault: number | null): number {
  if (fault === null) return -1;
  const found = rows.findIndex((row) => fault >= row.offset && fault < row.offset + row.length);
  return found < 0 && rows.length ? rows.length - 1 : found;
}

/** Bytes of a row for a narrow column: a few, and a mark that there are more. */
export function shortHex(hex: string, most = 6): string {
  const bytes = hex.toUpperCase().split(' ');
  return bytes.length > most ? `${bytes.slice(0, most - 1).join(' ')} …` : bytes.join(' ');
}
