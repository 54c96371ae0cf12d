/**
 * Sound that waits to be heard, for a bounded time. It begins once `startMs` wait, so that a line that comes in bursts does not stutter;
 * whatever waits beyond `mostMs` is left out down to `startMs`: what is heard is never older than that. Edges are faded over a few
 * milliseconds, for a cut must not click.
 */
export interface RingFigures {
  /** How long what comes in now waits (ms). */
  waitingMs: number;
  /** Left out so far, because it came faster than it was heard (ms). */
  skippedMs: number;
  /** How often nothing was there when something should have been heard. */
  gaps: number;
}

const FADE_MS = 4;

export class SoundRing {
  private readonly data: Float32Array<ArrayBuffer>;
  private readonly start: number;
  private readonly most: number;
  private readonly fade: number;
  private from = 0;
  private count = 0;
  private playing = false;
  private skipped = 0;
  private gaps = 0;
  /** The last sample that was heard, and the one that what follows is led over from. */
  private heard = 0;
  private before = 0;
  private leading = 0;

  constructor(private readonly rate: number, { startMs, mostMs }: { startMs: number; mostMs: number }) {
    this.start = Math.round((rate * startMs) / 1_000);
    this.most = Math.max(this.start + 1, Math.round((rate * mostMs) / 1_000));
    this.fade = Math.max(1, Math.round((rate * FADE_MS) / 1_000));
    this.data = new Float32Array(this.most);
  }

  write(samples: Float32Array): void {
    // of a burst longer than all that may wait, the newest is wanted
    const fresh = samples.length > this.most ? samples.subarray(samples.length - this.most) : samples;
    this.skipped += samples.length - fresh.length;
    if (this.count + fresh.length > this.most) this.drop(this.count - Math.max(0, this.start - fresh.length));
    for (let place = 0; place < fresh.length; place += 1) this.data[(this.from + this.count + place) % this.most] = fresh[place]!;
    this.count += fresh.length;
    if (this.playing || this.count < this.start) return;
    this.playing = true;
    this.lead();
  }

  private drop(samples: number): void {
    const gone = Math.min(this.count, Math.max(0, samples));
    this.from = (this.from + gone) % this.most;
    this.count -= gone;
    this.skipped += gone;
    this.lead();
  }

  private lead(): void {
    this.before = this.heard;
    this.leading = this.fade;
  }

  /** Fills `output`: with what waits, with silence where nothing does. */
  read(output: Float32Array): void {
    for (let place = 0; place < output.length; place += 1) {
      if (this.playing && !this.count) {
        this.playing = false;
        this.gaps += 1;
        this.lead();
      }
      const wanted = this.playing ? this.take() : 0;
      const old = this.leading / (this.fade + 1);
      this.heard = wanted * (1 - old) + this.before * old;
      if (this.leading) this.leading -= 1;
      output[place] = this.heard;
    }
  }

  private take(): number {
    const sample = this.data[this.from]!;
    this.from = (this.from + 1) % this.most;
    this.count -= 1;
    return sample;
  }

  /** Forgets what waits. */
  clear(): void {
    this.count = 0;
    this.playing = false;
    this.lead();
  }

  figures(): RingFigures {
    return { waitingMs: (this.count / this.rate) * 1_000, skippedMs: (this.skipped / this.rate) * 1_000, gaps: this.gaps };
  }
}
