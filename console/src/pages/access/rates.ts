/** Series of the rate chart: what is drawn where. Pure. */
import type { RatePoint, Rates } from './answers';

/** More gateways than this are drawn as one sum: lines that cannot be told apart say nothing. */
export const MOST_LINES = 6;

export interface Line {
  name: string;
  points: RatePoint[];
}

/** One line a gateway, or the sum of all under the name `sum`. */
export function linesOf(rates: Rates, sum: string): Line[] {
  if (rates.series.length <= MOST_LINES) return rates.series.map(({ gateway, points }) => ({ name: gateway, points }));
  const total = new Map<number, RatePoint>();
  for (const { points } of rates.series) {
    for (const [at, ...values] of points) {
      const known = total.get(at);
      total.set(at, [at, ...values.map((value, i) => value + (known?.[i + 1] ?? 0))] as RatePoint);
    }
  }
  return [{ name: sum, points: [...total.values()].sort((a, b) => a[0] - b[0]) }];
}

/** An axis from 0 to a round number with room above the highest value. */
export function axisOf(highest: number): { top: number; ticks: number[] } {
  const rough = Math.max(highest, 1) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? 10 * power;
  const count = Math.max(1, Math.ceil((highest * 1.02) / step));
  return { top: count * step, ticks: Array.from({ length: count + 1 }, (_, i) => i * step) };
}

/** Path of one quantity; a silence of more than two steps is a gap, never a line. */
export function pathOf(
  points: readonly RatePoint[],
  quantity: 1 | 2 | 3 | 4,
  stepMs: number,
  xOf: (t: number) => number,
  yOf: (value: number) => number,
): string {
  let path = '';
  let before = -Infinity;
  for (const point of points) {
    const broken = point[0] - before > 2.5 * stepMs;
    path += `${broken ? 'M' : 'L'}${xOf(point[0]).toFixed(1)} ${yOf(point[quantity]).toFixed(1)}`;
    before = point[0];
  }
  return path;
}

/** The point nearest to a time, if one lies within a step and a half. */
export function pointAt(points: readonly RatePoint[], t: number, stepMs: number): RatePoint | null {
  let best: RatePoint | null = null;
  for (const point of points) {
    if (!best || Math.abs(point[0] - t) < Math.abs(best[0] - t)) best = point;
  }
  return best && Math.abs(best[0] - t) <= 1.5 * stepMs ? best : null;
}
