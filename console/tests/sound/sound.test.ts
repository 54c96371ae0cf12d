import { describe, expect, it } from 'vitest';

import { Blocks } from '@/sound/blocks';
import { fromPcm, loudness, meterOf, toPcm } from '@/sound/pcm';
import { Resampler } from '@/sound/resampler';
import { SoundRing } from '@/sound/ring';

/** A tone, `seconds` long; amplitude 0.5. */
function tone(hz: number, rate: number, seconds: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: Math.round(rate * seconds) }, (_, place) => 0.5 * Math.sin((2 * Math.PI * hz * place) / rate));
}

/** Pushed in pieces of the sizes given, over and over. */
function inPieces(resampler: Resampler, input: Float32Array<ArrayBuffer>, sizes: readonly number[]): Float32Array {
  const pieces: Float32Array[] = [];
  for (let from = 0, turn = 0; from < input.length; turn += 1) {
    const to = Math.min(input.length, from + sizes[turn % sizes.length]!);
    pieces.push(resampler.push(input.slice(from, to)));
    from = to;
  }
  const output = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  pieces.reduce((at, piece) => (output.set(piece, at), at + piece.length), 0);
  return output;
}

/** How strong a frequency is in it: amplitude. */
function strength(samples: Float32Array, hz: number, rate: number): number {
  let [re, im] = [0, 0];
  samples.forEach((sample, place) => {
    re += sample * Math.cos((2 * Math.PI * hz * place) / rate);
    im += sample * Math.sin((2 * Math.PI * hz * place) / rate);
  });
  return (2 * Math.hypot(re, im)) / samples.length;
}

describe('a tone in another rate', () => {
  it.each([[48_000, 8_000], [44_100, 8_000], [8_000, 48_000], [8_000, 44_100], [16_000, 8_000], [8_000, 16_000], [96_000, 8_000]])('stays the same tone: %i to %i Hz', (from, to) => {
    const output = new Resampler(from, to).push(tone(1_000, from, 1));
    expect(Math.abs(output.length - to)).toBeLessThanOrEqual(Math.ceil((16 * Math.max(to, from)) / Math.min(to, from)) + 1);
    const middle = output.slice(Math.floor(output.length * 0.1), Math.floor(output.length * 0.1) + Math.round(to * 0.8));
    expect(strength(middle, 1_000, to)).toBeCloseTo(0.5, 2);
    // and nothing else: what is left without the tone is below one percent
    expect(Math.abs(loudness(middle) - 0.5 / Math.SQRT2)).toBeLessThan(0.004);
  });

  it('does not fold what the lower rate cannot carry', () => {
    const output = new Resampler(48_000, 8_000).push(tone(6_000, 48_000, 1));
    expect(loudness(output.slice(200))).toBeLessThan(0.002);
  });

  it.each([[[128]], [[1]], [[7, 128, 3, 1000]]])('comes out the same in pieces of %j', (sizes) => {
    const input = tone(700, 48_000, 0.3);
    const whole = new Resampler(48_000, 8_000).push(input);
    const pieces = inPieces(new Resampler(48_000, 8_000), input, sizes);
    expect(pieces.length).toBe(whole.length);
    whole.forEach((sample, place) => expect(pieces[place]).toBeCloseTo(sample, 6));
  });

  it('keeps a constant level, and is left alone where both rates are one', () => {
    const level = new Float32Array(4_000).fill(0.25);
    new Resampler(44_100, 8_000).push(level).slice(40).forEach((sample) => expect(sample).toBeCloseTo(0.25, 5));
    expect(new Resampler(8_000, 8_000).push(level)).toBe(level);
  });

  it.each([[0, 8_000], [48_000, -1], [44_100.5, 8_000], [48_000, 8_009]])('is refused for rates %d and %d', (from, to) => {
    expect(() => new Resampler(from, to)).toThrow(RangeError);
  });
});

describe('16-bit PCM', () => {
  it('is little-endian, limited, and comes back', () => {
    expect([...new Uint8Array(toPcm(Float32Array.of(0, 0.5, -1, 2)))]).toEqual([0, 0, 0x00, 0x40, 0x00, 0x80, 0xff, 0x7f]);
    expect([...fromPcm(Uint8Array.of(9, 0x00, 0x40, 0x00, 0x80, 7).buffer, 1)]).toEqual([0.5, -1]);
  });

  it('is as loud as the root of its mean square, in decibels on the meter', () => {
    expect(loudness(tone(500, 8_000, 1))).toBeCloseTo(0.5 / Math.SQRT2, 4);
    expect(loudness(new Float32Array())).toBe(0);
    expect([0, 0.0005, 0.001, 1, 3].map(meterOf)).toEqual([0, 0, expect.closeTo(0, 9), 1, 1]);
    expect(meterOf(0.031_622_8)).toBeCloseTo(0.5, 4);
  });
});

describe('blocks', () => {
  it('are all of one length, whatever comes at a time', () => {
    const blocks = new Blocks(4);
    expect(blocks.push(Float32Array.of(1, 2, 3))).toEqual([]);
    expect(blocks.push(Float32Array.of(4, 5, 6, 7, 8, 9)).map((block) => [...block])).toEqual([[1, 2, 3, 4], [5, 6, 7, 8]]);
    expect(blocks.push(Float32Array.of(10, 11, 12)).map((block) => [...block])).toEqual([[9, 10, 11, 12]]);
    expect(() => new Blocks(0)).toThrow(RangeError);
  });
});

describe('sound that waits', () => {
  const ring = (): SoundRing => new SoundRing(1_000, { startMs: 80, mostMs: 200 });
  const piece = (length: number, value = 0.5): Float32Array => new Float32Array(length).fill(value);
  const take = (from: SoundRing, length: number): number[] => {
    const output = new Float32Array(length);
    from.read(output);
    return [...output];
  };

  it('begins when enough waits, and not with every gap', () => {
    const waiting = ring();
    waiting.write(piece(79));
    expect(take(waiting, 20).every((sample) => sample === 0)).toBe(true);
    expect(waiting.figures()).toEqual({ waitingMs: 79, skippedMs: 0, gaps: 0 });
    waiting.write(piece(1));
    const heard = take(waiting, 80);
    expect(heard.slice(4)).toEqual([...piece(76)]);
    expect(take(waiting, 10).at(-1)).toBeLessThan(0.05);
    expect(waiting.figures()).toMatchObject({ waitingMs: 0, gaps: 1 });
  });

  it('never waits longer than its bound: the oldest is left out', () => {
    const waiting = ring();
    for (let turn = 0; turn < 50; turn += 1) {
      waiting.write(piece(20, turn));
      expect(waiting.figures().waitingMs).toBeLessThanOrEqual(200);
    }
    // 1000 ms came, nothing was heard: what waits is the newest, the rest is counted
    const { waitingMs, skippedMs } = waiting.figures();
    expect(waitingMs + skippedMs).toBe(1_000);
    expect(waitingMs).toBeGreaterThanOrEqual(80);
    expect(take(waiting, waitingMs).at(-1)).toBe(49);
  });

  it('takes the end of a burst that is longer than all that may wait', () => {
    const waiting = ring();
    waiting.write(Float32Array.from({ length: 900 }, (_, place) => place));
    const { waitingMs, skippedMs } = waiting.figures();
    expect([waitingMs + skippedMs, take(waiting, waitingMs).at(-1)]).toEqual([900, 899]);
  });

  it('leads over a cut: no step is larger than the fade makes it', () => {
    const waiting = new SoundRing(8_000, { startMs: 20, mostMs: 60 });
    waiting.write(piece(480, 0.8));
    const before = take(waiting, 200);
    waiting.write(piece(480, -0.8));
    const after = take(waiting, 200);
    const all = [...before.slice(100), ...after];
    const steps = all.slice(1).map((sample, place) => Math.abs(sample - all[place]!));
    expect(Math.max(...steps)).toBeLessThan(1.6 / 8);
    expect(after.at(-1)).toBeCloseTo(-0.8);
  });

  it('forgets what waits', () => {
    const waiting = ring();
    waiting.write(piece(100));
    waiting.clear();
    expect(take(waiting, 5)).toEqual([0, 0, 0, 0, 0]);
  });
});
