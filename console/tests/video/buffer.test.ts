import { describe, expect, it } from 'vitest';

import { advise, AIM_S, FAST, passOver, QUEUE_BYTES, QUEUE_ITEMS, SLOW, trimTo } from '@/video/buffer';
import type { Moment } from '@/video/buffer';

const moment = (told: Partial<Moment>): Moment => ({ at: 0, spans: [], rate: 1, seeking: false, sinceJump: 60, ...told });

describe('the place of the picture behind the newest data', () => {
  it('is left alone while it is between near and far', () => {
    expect(advise(moment({ at: 9.7, spans: [[0, 10]] }))).toEqual({ seek: null, rate: 1 });
  });

  it('jumps to the newest data when it is more than a second behind', () => {
    expect(advise(moment({ at: 8.9, spans: [[0, 10]] }))).toEqual({ seek: 10 - AIM_S, rate: 1 });
    expect(advise(moment({ at: 9.01, spans: [[0, 10]] })).seek).toBeNull();
  });

  it('catches up by playing faster until the aim is reached', () => {
    expect(advise(moment({ at: 9.4, spans: [[0, 10]] }))).toEqual({ seek: null, rate: FAST });
    expect(advise(moment({ at: 9.6, spans: [[0, 10]], rate: FAST }))).toEqual({ seek: null, rate: FAST });
    expect(advise(moment({ at: 9.75, spans: [[0, 10]], rate: FAST }))).toEqual({ seek: null, rate: 1 });
  });

  it('falls back by playing slower where the next fragment could come too late', () => {
    expect(advise(moment({ at: 9.95, spans: [[0, 10]] }))).toEqual({ seek: null, rate: SLOW });
    expect(advise(moment({ at: 9.8, spans: [[0, 10]], rate: SLOW }))).toEqual({ seek: null, rate: SLOW });
    expect(advise(moment({ at: 9.65, spans: [[0, 10]], rate: SLOW }))).toEqual({ seek: null, rate: 1 });
  });

  it('begins where the first data begins, however late that is on its time line', () => {
    expect(advise(moment({ spans: [[1000, 1000.2]] }))).toEqual({ seek: 1000, rate: 1 });
    expect(advise(moment({ spans: [[1000, 1002]] }))).toEqual({ seek: 1002 - AIM_S, rate: 1 });
  });

  it('goes on behind a gap', () => {
    expect(advise(moment({ at: 5, spans: [[0, 5], [8, 8.2]] }))).toEqual({ seek: 8, rate: 1 });
  });

  it('does not jump while it jumps, nor again and again where the decoder is slow', () => {
    expect(advise(moment({ at: 2, spans: [[0, 10]], seeking: true }))).toEqual({ seek: null, rate: 1 });
    expect(advise(moment({ at: 2, spans: [[0, 10]], sinceJump: 0.5 }))).toEqual({ seek: null, rate: FAST });
  });

  it('waits where there is nothing', () => {
    expect(advise(moment({ at: 3 }))).toEqual({ seek: null, rate: 1 });
  });
});

describe('the buffer', () => {
  it('gives back whole groups of pictures that were shown', () => {
    expect(trimTo(20, [[0, 20.3]], [0, 4, 8, 12, 16, 20])).toBe(16);
  });

  it('keeps the group that is on the screen, however long it is', () => {
    expect(trimTo(100, [[0, 100.3]], [0])).toBeNull();
  });

  it('waits until it is worth the while', () => {
    expect(trimTo(5, [[0, 5.3]], [0, 2, 4])).toBeNull();
  });

  it('gives back what many gaps left behind', () => {
    expect(trimTo(8, [[0, 1], [2, 3], [4, 5], [5.5, 8.3]], [0, 2, 4, 5.5])).toBe(5.5);
  });
});

describe('what waits to be decoded', () => {
  const fragment = (keyFrame = false, bytes = 20_000): { keyFrame: boolean; bytes: number } => ({ keyFrame, bytes });

  it('is kept while it is little', () => {
    expect(passOver(Array.from({ length: QUEUE_ITEMS }, () => fragment()))).toBe(0);
  });

  it('is passed over up to the newest key frame', () => {
    const queue = Array.from({ length: QUEUE_ITEMS + 1 }, (_, place) => fragment(place === 10 || place === 40));
    expect(passOver(queue)).toBe(40);
  });

  it('is bounded by its size too', () => {
    expect(passOver([fragment(true, QUEUE_BYTES), fragment(true, 1)])).toBe(1);
  });

  it('goes where nothing of it can be decoded without what was lost', () => {
    expect(passOver(Array.from({ length: QUEUE_ITEMS + 1 }, () => fragment()))).toBe(QUEUE_ITEMS + 1);
  });
});
