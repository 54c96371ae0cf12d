import { describe, expect, it } from 'vitest';

import { sectionOf } from '@/pages/video/downloads/answers';
import type { Wanted } from '@/pages/video/downloads/answers';
import { readWanted } from '@/pages/video/address';
import { dayOf, onwardFrom, ticksOf, windowOf, WINDOWS } from '@/pages/video/recordings';

const DAY = dayOf(Date.parse('2026-11-22T12:00:00+08:00'));
const MIN = 60_000;
const HOUR = 60 * MIN;

function piece(from: number, to: number, more: Partial<Wanted['piece']> = {}): Wanted['piece'] {
  return { channel: 1, channel_zh: '', channel_en: '', start_at: DAY + from, end_at: DAY + to, alarm: '0', media_type: 0, stream: 1, storage: 1, bytes: 600_000, ...more };
}

describe('the part of a day that the lines show', () => {
  it('is the whole day at first, and never reaches beyond it', () => {
    expect(windowOf(DAY, WINDOWS[0], DAY + 5 * HOUR)).toEqual({ from: DAY, to: DAY + 24 * HOUR });
    expect(windowOf(DAY, HOUR, DAY + 12 * HOUR)).toEqual({ from: DAY + 11.5 * HOUR, to: DAY + 12.5 * HOUR });
    expect(windowOf(DAY, HOUR, DAY)).toEqual({ from: DAY, to: DAY + HOUR });
    expect(windowOf(DAY, HOUR, DAY + 24 * HOUR)).toEqual({ from: DAY + 23 * HOUR, to: DAY + 24 * HOUR });
  });

  it('has its clocks beneath, with seconds where there are some', () => {
    expect(ticksOf(windowOf(DAY, WINDOWS[0], DAY)).map(({ text }) => text)).toEqual(['00:00', '06:00', '12:00', '18:00', '24:00']);
    expect(ticksOf(windowOf(DAY, 10 * MIN, DAY + 5 * MIN)).map(({ text }) => text)).toEqual(['00:00', '00:02:30', '00:05', '00:07:30', '00:10']);
  });
});

describe('playing that broke off', () => {
  const part = { from: 1_000_000, to: 1_600_000 };

  it('goes on where it stood, at a whole second', () => {
    expect(onwardFrom(1_234_567, part)).toBe(1_234_000);
    expect(onwardFrom(0, part)).toBe(part.from);
  });

  it('begins anew once all was played', () => {
    expect(onwardFrom(part.to, part)).toBe(part.from);
    expect(onwardFrom(part.to - 1_000, part)).toBe(part.from);
  });
});

describe('a section of a channel', () => {
  const pieces = [piece(0, 10 * MIN), piece(0, 30 * MIN, { storage: 2, stream: 2 }), piece(10 * MIN, 20 * MIN), piece(25 * MIN, 35 * MIN)];

  it('is of one storage and stream, the main ones first, and has the bytes of its share', () => {
    expect(sectionOf(pieces, { from: DAY + 5 * MIN, to: DAY + 15 * MIN })).toMatchObject({ piece: pieces[0], bytes: 600_000, holes: 0 });
    expect(sectionOf(pieces, { from: DAY + 5 * MIN, to: DAY + 15 * MIN }, pieces[1])).toMatchObject({ piece: pieces[1], bytes: 200_000, holes: 0 });
  });

  it('tells the gaps in it, those at its ends too', () => {
    expect(sectionOf(pieces, { from: DAY + 15 * MIN, to: DAY + 30 * MIN })?.holes).toBe(1);
    expect(sectionOf(pieces, { from: DAY + 22 * MIN, to: DAY + 40 * MIN }, pieces[0])?.holes).toBe(2);
  });

  it('is none where nothing but sound is recorded', () => {
    expect(sectionOf([piece(0, MIN, { media_type: 1 })], { from: DAY, to: DAY + MIN })).toBeNull();
    expect(sectionOf(pieces, { from: DAY + HOUR, to: DAY + 2 * HOUR })).toBeNull();
  });
});

describe('a link from a case', () => {
  it('brings the case along for what is recorded or fetched there', () => {
    expect(readWanted({ vehicle: '12', purpose: '报警处置 GZ-1', case: '7' })).toEqual({ vehicle: 12, channel: null, purpose: '报警处置 GZ-1', about: 7 });
    expect(readWanted({ vehicle: '12', case: 'x' })?.about).toBeNull();
  });
});
