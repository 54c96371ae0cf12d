/**
 * The replay's clock: real milliseconds in, track time out. It knows no screen.
 *
 * 1× plays PACE seconds of the road in one second, so that about one report is shown a second at the usual reporting
 * interval of 10 to 30 s; the page says so beside the rate.
 */

export const PACE = 30;
export const RATES = [1, 2, 4, 8, 16] as const;
export type Rate = (typeof RATES)[number];

/** Track time that is passed over when skipping is on: stops and gaps, as [from, to] in ms. */
export type Skip = readonly [from: number, to: number];

/** Real milliseconds that one step may bring at most: a hidden page must not leap when it is shown again. */
const STEP_LIMIT_MS = 250;

/** How much of a skipped span is still shown at its beginning, in track ms, so that the eye sees the truck halt. */
const LEAD_MS = 20_000;

export interface ReplayState {
  t: number;
  playing: boolean;
}

export function advance(t: number, realMs: number, rate: number, end: number, skips: readonly Skip[]): ReplayState {
  let next = t + Math.min(Math.max(realMs, 0), STEP_LIMIT_MS) * rate * PACE;
  for (const [from, to] of skips) {
    const enter = Math.min(to, from + LEAD_MS);
    if (next > enter && next < to && t < to) next = to;
  }
  if (next >= end) return { t: end, playing: false };
  return { t: next, playing: true };
}

/** Skip spans sorted and joined where they touch, each at least twice the lead long. */
export function skipSpans(spans: readonly Skip[]): Skip[] {
  const joined: [number, number][] = [];
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = joined[joined.length - 1];
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined.filter(([from, to]) => to - from > 2 * LEAD_MS);
}

/** Time of the event after or before `t`; a second's grace lets [ go past the event one is standing on. */
export function neighbourEvent(times: readonly number[], t: number, way: 1 | -1): number | null {
  const sorted = [...times].sort((a, b) => a - b);
  if (way === 1) return sorted.find((x) => x > t + 500) ?? null;
  return sorted.reverse().find((x) => x < t - 500) ?? null;
}

export function faster(rate: Rate, way: 1 | -1): Rate {
  const i = RATES.indexOf(rate) + way;
  return RATES[Math.max(0, Math.min(RATES.length - 1, i))] ?? rate;
}
