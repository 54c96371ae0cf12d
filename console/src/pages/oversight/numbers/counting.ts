/** Shares and their order. */

/** Two-sided 95 % of the normal distribution. */
const Z95 = 1.959963984540054;

/** Wilson bounds of a share in per cent; null for an empty sample (E. B. Wilson, JASA 22, 1927). */
export function wilson(hits: number, total: number): { low: number; high: number } | null {
  if (total <= 0) return null;
  const share = hits / total;
  const weight = (Z95 * Z95) / total;
  const centre = (share + weight / 2) / (1 + weight);
  const spread = (Z95 * Math.sqrt((share * (1 - share)) / total + weight / (4 * total))) / (1 + weight);
  return { low: hits === 0 ? 0 : Math.max(0, centre - spread) * 100, high: hits === total ? 100 : Math.min(1, centre + spread) * 100 };
}

export function percent(value: number | null): string {
  return value === null ? '—' : `${value.toFixed(2)}%`;
}

export interface Order<Key extends string> {
  key: Key;
  down: boolean;
}

/** `rate` and `-rate`: up and down. Anything else is the given one. */
export function orderOf<Key extends string>(text: string, keys: readonly Key[], standing: Order<Key>): Order<Key> {
  const down = text.startsWith('-');
  const key = keys.find((each) => each === (down ? text.slice(1) : text));
  return key ? { key, down } : standing;
}

export const orderText = <Key extends string>({ key, down }: Order<Key>): string => (down ? `-${key}` : key);

/** A column that is pressed again turns round; another one begins with its largest. Names begin with the first. */
export function turned<Key extends string>(order: Order<Key>, key: Key, names: readonly Key[]): Order<Key> {
  return order.key === key ? { key, down: !order.down } : { key, down: !names.includes(key) };
}

/** Sorted anew; what has no value stands last either way. */
export function sorted<T>(rows: readonly T[], value: (row: T) => number | string | null, down: boolean): T[] {
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
    const way = typeof a === 'string' || typeof b === 'string' ? String(a).localeCompare(String(b), 'zh') : a - b;
    return down ? -way : way;
  });
}

/** Width of a step of the funnel, 0 to 1: its figures lie thousands apart, so it goes by their logarithm. */
export function funnelWidth(value: number, largest: number): number {
  if (value <= 0 || largest <= 0) return 0;
  return Math.max(0.04, Math.log10(1 + value) / Math.log10(1 + largest));
}
