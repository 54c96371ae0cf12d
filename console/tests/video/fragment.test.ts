import { describe, expect, it } from 'vitest';

import { isInitialisation, readFragment, readTrack } from '@/video/fragment';
import { goesOn } from '@/video/mse';

import { buffer, fragment, initialisation, trak } from './mp4';

// ISO/IEC 14496-12, 8.8.3.1: sample_is_non_sync_sample is bit 16 of the sample flags
const DEPENDS = 0x0101_0000;
const KEY = 0x0200_0000;

describe('an initialisation', () => {
  it('is told from a fragment', () => {
    expect(isInitialisation(initialisation(trak(1, 'vide', 90_000)))).toBe(true);
    expect(isInitialisation(fragment(1, 0))).toBe(false);
    expect(isInitialisation(buffer([]))).toBe(false);
  });

  it('names track and clock in both widths of its times', () => {
    expect(readTrack(initialisation(trak(3, 'vide', 90_000)))).toEqual({ id: 3, sound: false, timescale: 90_000 });
    expect(readTrack(initialisation(trak(2, 'vide', 1_000, 1)))).toEqual({ id: 2, sound: false, timescale: 1_000 });
    expect(readTrack(initialisation(trak(1, 'soun', 8_000)))).toEqual({ id: 1, sound: true, timescale: 8_000 });
  });

  it('without a track of pictures or sound has none', () => {
    expect(readTrack(initialisation(trak(1, 'meta', 1_000)))).toBeNull();
    expect(readTrack(buffer([0, 0, 0, 200, 109, 111, 111, 118, 0, 0]))).toBeNull();
  });
});

describe('a fragment', () => {
  const track = { id: 1, sound: false, timescale: 1_000 };

  it('is at its decode time by the clock of its track', () => {
    expect(readFragment(fragment(1, 2_500, { first: KEY }), track)).toEqual({ at: 2.5, keyFrame: true });
    expect(readFragment(fragment(1, 2 ** 32 * 1_000, { first: KEY }), track)).toEqual({ at: 2 ** 32, keyFrame: true });
    expect(readFragment(fragment(1, 400, { first: KEY, version: 0 }), track)).toEqual({ at: 0.4, keyFrame: true });
  });

  it('says whether decoding can begin, wherever the flags stand', () => {
    expect(readFragment(fragment(1, 0, { first: DEPENDS }), track)?.keyFrame).toBe(false);
    expect(readFragment(fragment(1, 0, { each: DEPENDS }), track)?.keyFrame).toBe(false);
    expect(readFragment(fragment(1, 0, { each: KEY }), track)?.keyFrame).toBe(true);
    expect(readFragment(fragment(1, 0, { standard: DEPENDS }), track)?.keyFrame).toBe(false);
    expect(readFragment(fragment(1, 0, { standard: KEY }), track)?.keyFrame).toBe(true);
  });

  it('of sound can begin anywhere', () => {
    expect(readFragment(fragment(2, 8_000, { standard: DEPENDS }), { id: 2, sound: true, timescale: 8_000 })).toEqual({ at: 1, keyFrame: true });
  });

  it('of another track or cut short tells nothing', () => {
    expect(readFragment(fragment(2, 0), track)).toBeNull();
    const bytes = new Uint8Array(fragment(1, 0, { first: KEY }));
    for (let size = 0; size < bytes.length - 11; size += 1) expect(readFragment(bytes.slice(0, size).buffer, track)).toBeNull();
  });
});

describe('a time line', () => {
  it('goes on a little back or forward, and is another one beyond', () => {
    expect(goesOn(100, 100.2)).toBe(true);
    expect(goesOn(100, 99.5)).toBe(true);
    expect(goesOn(100, 0)).toBe(false);
    expect(goesOn(100, 200)).toBe(false);
    expect(goesOn(null, 0)).toBe(false);
    expect(goesOn(100, null)).toBe(false);
  });
});
