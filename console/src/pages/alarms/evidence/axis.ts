/** Geometry of the time line: ±60 s around the alarm, clips and pictures above, the speed below. Pure. */

export const HALF_MS = 60_000;

export interface Frame {
  width: number;
  /** Room for names at the left, air at the right. */
  left: number;
  right: number;
}

export function xOf(frame: Frame, ms: number): number {
  return frame.left + ((ms + HALF_MS) / (2 * HALF_MS)) * (frame.width - frame.left - frame.right);
}

export function timeAt(frame: Frame, x: number): number {
  const ms = ((x - frame.left) / (frame.width - frame.left - frame.right)) * 2 * HALF_MS - HALF_MS;
  return Math.max(-HALF_MS, Math.min(HALF_MS, ms));
}

export interface SpeedPoint {
  /** Milliseconds from the alarm. */
  at: number;
  kmh: number;
}

/** Reports further apart than this are not joined: nobody knows the speed between them. */
export const BREAK_MS = 31_000;

/** The speed at a moment between two reports, null where none is near. */
export function speedAt(points: readonly SpeedPoint[], at: number): number | null {
  let before: SpeedPoint | null = null;
  for (const point of points) {
    if (point.at >= at) {
      if (!before) return point.at - at <= 1_000 ? point.kmh : null;
      if (point.at - before.at > BREAK_MS) return null;
      const part = point.at === before.at ? 1 : (at - before.at) / (point.at - before.at);
      return before.kmh + (point.kmh - before.kmh) * part;
    }
    before = point;
  }
  return before && at - before.at <= 1_000 ? before.kmh : null;
}

/** Lowest and highest of the scale, at round tens, at least 40 km/h apart; a limit stands within it. */
export function speedRange(points: readonly SpeedPoint[], limitKmh: number | null): [low: number, high: number] {
  const values = points.map((point) => point.kmh);
  if (limitKmh) values.push(limitKmh);
  if (!values.length) return [0, 100];
  const [least, most] = [Math.min(...values), Math.max(...values)];
  let low = Math.max(0, Math.floor((least - 5) / 10) * 10);
  const high = Math.max(low + 40, Math.ceil((most + 5) / 10) * 10);
  if (high - low <= 40) low = Math.max(0, high - 40);
  return [low, high];
}

/** Two or three round values between the ends of the scale. */
export function speedTicks([low, high]: readonly [number, number]): number[] {
  const step = high - low > 100 ? 40 : 20;
  const ticks: number[] = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) ticks.push(value);
  return ticks;
}

/** The curve as SVG path commands, broken where reports lack, and the area below each piece. */
export function curve(points: readonly SpeedPoint[], x: (ms: number) => number, y: (kmh: number) => number, floor: number): { line: string; area: string } {
  let line = '';
  let area = '';
  let piece: SpeedPoint[] = [];
  const end = (): void => {
    const [first, last] = [piece[0], piece[piece.length - 1]];
    if (!first || !last) return;
    const path = piece.map((point, index) => `${index ? 'L' : 'M'}${x(point.at).toFixed(1)} ${y(point.kmh).toFixed(1)}`).join('');
    line += path;
    area += `${path}L${x(last.at).toFixed(1)} ${floor}L${x(first.at).toFixed(1)} ${floor}Z`;
    piece = [];
  };
  for (const point of points) {
    const last = piece[piece.length - 1];
    if (last && point.at - last.at > BREAK_MS) end();
    piece.push(point);
  }
  end();
  return { line, area };
}

/** +1.2 s, −60 s; `digits` after the point. */
export function offsetText(ms: number, digits = 0): string {
  const value = Math.abs(ms) / 1000;
  const sign = ms < 0 && value.toFixed(digits) !== (0).toFixed(digits) ? '−' : '+';
  return `${sign}${value.toFixed(digits)} s`;
}
