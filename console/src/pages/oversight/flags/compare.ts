/** What cases behind a flag have in common. */
import type { FlagCase } from '@/api/appeals';

export interface Compared {
  row: FlagCase;
  /** Milliseconds since the verdict before; null for the first. */
  gap: number | null;
  /** How many of the cases have these words; 1: it alone. */
  same: number;
}

/** As the server compares: runs of blanks are one. */
export const wordsOf = (text: string): string => text.split(/\s+/).filter(Boolean).join(' ');

/** The cases in the order of their verdicts. */
export function compare(cases: readonly FlagCase[]): Compared[] {
  const often = new Map<string, number>();
  for (const { text } of cases) often.set(wordsOf(text), (often.get(wordsOf(text)) ?? 0) + 1);
  const ordered = [...cases].sort((one, other) => one.at - other.at || one.id - other.id);
  return ordered.map((row, index) => {
    const before = ordered[index - 1];
    return { row, gap: before ? row.at - before.at : null, same: wordsOf(row.text) ? (often.get(wordsOf(row.text)) ?? 1) : 1 };
  });
}

export function median(values: readonly number[]): number | null {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
