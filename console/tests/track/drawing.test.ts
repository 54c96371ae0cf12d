import { describe, expect, it } from 'vitest';

import { BLOCK, levelOf, weights } from '@/pages/track/geometry';
import { place } from '@/pages/track/marks';
import type { Mark } from '@/pages/track/marks';
import { buildTrack } from '@/pages/track/track';
import { nearest, screenX, screenY, trace } from '@/pages/track/view';
import type { View } from '@/pages/track/view';

import { answerOf } from './sample';

const S = 1000;

/** Collects the strokes of a pen: a list of points for every moveTo. */
function pen() {
  const strokes: [number, number][][] = [];
  return {
    strokes,
    moveTo: (x: number, y: number) => void strokes.push([[x, y]]),
    lineTo: (x: number, y: number) => void strokes[strokes.length - 1]?.push([x, y]),
  };
}

function scene(n: number, gapAfter?: number) {
  const points = Array.from({ length: n }, (_, k) => ({
    at: k * 10 * S + (gapAfter !== undefined && k > gapAfter ? 900 * S : 0),
    lat: 23 + Math.sin(k / 3) * 0.01,
    lon: 113 + k * 0.002,
    speed: 60,
  }));
  const gaps =
    gapAfter === undefined
      ? []
      : [{ from: gapAfter * 10 * S, to: (gapAfter + 1) * 10 * S + 900 * S, metres: 3000, from_index: gapAfter }];
  const track = buildTrack(answerOf(points, gaps));
  const level = levelOf(track.mx, track.my, weights(track.mx, track.my, track.segments), 0);
  const view: View = { width: 800, height: 600, scale: 512 * 2 ** 9, cx: track.mx[0] ?? 0, cy: track.my[0] ?? 0 };
  return { track, level, view };
}

describe('tracing the line', () => {
  it('lifts the pen at a gap', () => {
    const { track, level, view } = scene(20, 9);
    const p = pen();
    trace(p, view, track, level, 0, 19);
    expect(p.strokes).toHaveLength(2);
    expect(p.strokes[0]?.[p.strokes[0].length - 1]?.[0]).toBeCloseTo(screenX(view, track.mx[9] ?? 0), 6);
    expect(p.strokes[1]?.[0]?.[0]).toBeCloseTo(screenX(view, track.mx[10] ?? 0), 6);
  });

  it('ends exactly at the cursor between two points', () => {
    const { track, level, view } = scene(20);
    const p = pen();
    trace(p, view, track, level, 0, 4.5);
    const middle = ((track.mx[4] ?? 0) + (track.mx[5] ?? 0)) / 2;
    expect(p.strokes[0]?.at(-1)?.[0]).toBeCloseTo(screenX(view, middle), 6);
  });

  it('passes over what is off the screen and still shows all that is on it', () => {
    const { track, level, view } = scene(40 * BLOCK);
    const p = pen();
    const put = trace(p, view, track, level, 0, track.n - 1);
    expect(put).toBeLessThan(track.n / 4);
    const drawn = new Set(p.strokes.flat().map(([x]) => x.toFixed(3)));
    for (let k = 0; k < track.n; k++) {
      const x = screenX(view, track.mx[k] ?? 0);
      if (x > 0 && x < view.width) expect(drawn.has(x.toFixed(3))).toBe(true);
    }
  });
});

describe('pointing at the line', () => {
  it('finds the time of the nearest place', () => {
    const { track, level, view } = scene(20);
    const time = nearest(view, track, level, screenX(view, track.mx[7] ?? 0) + 1, screenY(view, track.my[7] ?? 0), 12);
    expect(Math.abs((time ?? 0) - 70 * S)).toBeLessThanOrEqual(10 * S);
  });

  it('finds nothing far from it, nor in the middle of a gap', () => {
    const { track, level, view } = scene(20, 9);
    expect(nearest(view, track, level, 5, 5, 12)).toBeNull();
    const a = screenX(view, track.mx[9] ?? 0);
    const b = screenX(view, track.mx[10] ?? 0);
    const y = (screenY(view, track.my[9] ?? 0) + screenY(view, track.my[10] ?? 0)) / 2;
    expect(nearest(view, track, level, (a + b) / 2, y, Math.abs(b - a) / 8)).toBeNull();
  });
});

describe('marks on the map', () => {
  const view: View = { width: 800, height: 600, scale: 1000, cx: 0.5, cy: 0.5 };
  const mark = (id: string, kind: Mark['kind'], x: number, weight = 1): Mark => ({
    id,
    kind,
    letter: '',
    label: id,
    mx: 0.5 + x / 1000,
    my: 0.5,
    at: 0,
    weight,
  });
  const width = (text: string) => text.length * 8;

  it('that overlap become small, the longer stop staying full', () => {
    const { full, small } = place(view, [mark('short', 'stop', 0, 1), mark('long', 'stop', 4, 9)], [], width);
    expect([full.map((m) => m.id), small.map((m) => m.id)]).toEqual([['long'], ['short']]);
  });

  it('of start and end are always full', () => {
    const { full } = place(view, [mark('start', 'start', 0), mark('end', 'end', 2)], [], width);
    expect(full).toHaveLength(2);
  });

  it('are all there, as many as are on the screen', () => {
    const many = Array.from({ length: 60 }, (_, i) => mark(`m${i}`, 'stop', i * 6));
    const { full, small, labels } = place(view, many, [], width);
    expect(full.length + small.length).toBe(60);
    expect(labels.length).toBeLessThanOrEqual(24);
  });

  it('have labels that overlap neither each other nor the truck', () => {
    const { labels } = place(
      view,
      [mark('aaaa', 'stop', 0), mark('bbbb', 'stop', 30)],
      [{ x: 380, y: 270, w: 40, h: 22 }],
      width,
    );
    expect(labels.every((label) => label.y !== 281)).toBe(true);
  });
});
