/** Figures of one picture over the last seconds: counters go in, rates come out. */
export interface Counters {
  atMs: number;
  bytes: number;
  frames: number;
  dropped: number;
}

export interface Rates {
  bitRate: number;
  framesPerS: number;
  /** Share of pictures that came too late to be shown, 0 to 1. */
  droppedShare: number;
}

export const WINDOW_MS = 4_000;

export class RateWindow {
  private kept: Counters[] = [];

  add(now: Counters): void {
    const last = this.kept.at(-1);
    // counters that went back belong to a new source
    if (last && (now.frames < last.frames || now.bytes < last.bytes)) this.kept = [];
    this.kept.push(now);
    while (this.kept.length > 2 && now.atMs - (this.kept[1]?.atMs ?? 0) >= WINDOW_MS) this.kept.shift();
  }

  rates(): Rates | null {
    const [first, last] = [this.kept[0], this.kept.at(-1)];
    const seconds = first && last ? (last.atMs - first.atMs) / 1000 : 0;
    if (!first || !last || seconds <= 0) return null;
    const frames = last.frames - first.frames;
    return {
      bitRate: ((last.bytes - first.bytes) * 8) / seconds,
      framesPerS: frames / seconds,
      droppedShare: frames ? (last.dropped - first.dropped) / frames : 0,
    };
  }
}
