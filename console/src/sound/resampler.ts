/**
 * Sound of one rate into another, piece by piece: a windowed-sinc filter in phases (rational ratio, whole numbers of Hz). What the lower
 * of both rates cannot carry is filtered out, so that a 48 kHz microphone does not fold into the 8 kHz of a terminal.
 */
/** Zero crossings of the filter on each side; its delay is as many samples of the lower rate. */
const CROSSINGS = 16;
/** Share of the lower rate's band that passes. */
const PASSED = 0.92;
/** Rates with hardly a common divisor would need a table beyond all measure. */
const PHASES_MAX = 4_096;

function divisor(a: number, b: number): number {
  return b ? divisor(b, a % b) : a;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** The filter at each phase: `phases` rows of `2 × half` taps, every row with a sum of one. */
function filter(phases: number, half: number, cut: number): Float32Array {
  const taps = 2 * half;
  const table = new Float32Array(phases * taps);
  for (let phase = 0; phase < phases; phase += 1) {
    let sum = 0;
    for (let tap = 0; tap < taps; tap += 1) {
      const away = tap - half + 1 - phase / phases;
      const window = Math.abs(away) >= half ? 0 : 0.42 + 0.5 * Math.cos((Math.PI * away) / half) + 0.08 * Math.cos((2 * Math.PI * away) / half);
      const value = sinc(cut * away) * window;
      table[phase * taps + tap] = value;
      sum += value;
    }
    for (let tap = 0; tap < taps; tap += 1) table[phase * taps + tap]! /= sum;
  }
  return table;
}

export class Resampler {
  private readonly up: number;
  private readonly down: number;
  private readonly half: number;
  private readonly table: Float32Array;
  /** Input that a next output still needs. */
  private kept: Float32Array<ArrayBuffer>;
  /** Place of the next output within `kept`, in steps of 1/up of an input sample. */
  private next: number;

  /** Throws RangeError for rates that are no whole number of Hz above zero, or that have too little in common. */
  constructor(from: number, to: number) {
    if (!Number.isInteger(from) || !Number.isInteger(to) || from <= 0 || to <= 0) throw new RangeError(`rates ${from} and ${to}`);
    const common = divisor(from, to);
    this.up = to / common;
    this.down = from / common;
    if (this.up > PHASES_MAX) throw new RangeError(`rates ${from} and ${to} have too little in common`);
    const lower = Math.min(1, to / from);
    this.half = Math.ceil(CROSSINGS / lower);
    this.table = from === to ? new Float32Array() : filter(this.up, this.half, lower * PASSED);
    this.kept = new Float32Array(this.half - 1);
    this.next = (this.half - 1) * this.up;
  }

  /** As much output as the input so far allows. */
  push(input: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
    if (!this.table.length) return input;
    const { up, down, half, table } = this;
    const all = new Float32Array(this.kept.length + input.length);
    all.set(this.kept);
    all.set(input, this.kept.length);
    const taps = 2 * half;
    const last = (all.length - half) * up;
    const count = Math.max(0, Math.ceil((last - this.next) / down));
    const output = new Float32Array(count);
    for (let place = 0; place < count; place += 1) {
      const base = Math.floor(this.next / up);
      const row = (this.next - base * up) * taps;
      const first = base - half + 1;
      let sum = 0;
      for (let tap = 0; tap < taps; tap += 1) sum += table[row + tap]! * all[first + tap]!;
      output[place] = sum;
      this.next += down;
    }
    const over = Math.max(0, Math.min(all.length, Math.floor(this.next / up) - half + 1));
    this.kept = all.slice(over);
    this.next -= over * up;
    return output;
  }
}
