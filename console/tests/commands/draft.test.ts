import { describe, expect, it } from 'vitest';

import { clicked, dragged, draftOf, emptyDraft, figureOf, geometryOf, isFigured, isWhole, metres, ring, without } from '@/pages/commands/areas/draft';
import type { Area } from '@/pages/commands/areas/answers';

const area = (kind: Area['kind'], geometry: Area['geometry']): Area =>
  ({ id: 1, name: 'x', kind, city: null, geometry, rules: {}, note: '', version: 1, created_at: 0, updated_at: 0 }) as unknown as Area;

describe('an area being drawn', () => {
  it('makes a circle of a click on the centre and one on the edge', () => {
    let draft = clicked(emptyDraft('circle'), [114, 22.5]);
    draft = clicked(draft, [114.01, 22.5]);
    // 0.01° of longitude at 22.5° north: 6371008.8 m × 0.01 × π/180 × cos 22.5° = 1027.3 m
    expect(draft.radiusM).toBe(1027);
    expect(geometryOf(draft)).toEqual({ lat_e6: 22_500_000, lon_e6: 114_000_000, radius_m: 1027 });
    expect(ring([114, 22.5], 1027).every((at) => Math.abs(metres([114, 22.5], at) - 1027) < 0.01)).toBe(true);
    expect(dragged(draft, 1, [114.02, 22.5]).radiusM).toBe(2055);
  });

  it('knows a limit that is no number from none at all', () => {
    expect([figureOf(' '), figureOf('60')]).toEqual([null, 60]);
    expect(figureOf('60km')).toBeNaN();
    const route = clicked(emptyDraft('route'), [114, 22.5]);
    expect(isFigured(route)).toBe(true);
    expect(isFigured({ ...route, sections: [{ ...route.sections[0]!, max_speed: figureOf('60km') }] })).toBe(false);
  });

  it('orders the corners of a rectangle, wherever the first click was', () => {
    const draft = clicked(clicked(emptyDraft('rectangle'), [114.2, 22.4]), [114.1, 22.6]);
    expect(geometryOf(draft)).toEqual({ north_e6: 22_600_000, west_e6: 114_100_000, south_e6: 22_400_000, east_e6: 114_200_000 });
    expect(clicked(draft, [1, 1]).corners).toEqual([[1, 1]]); // a third click begins anew
  });

  it('keeps a section with each point of a route, and both go together', () => {
    let draft = emptyDraft('route');
    for (const at of [[114, 22], [114.1, 22], [114.2, 22]] as const) draft = clicked(draft, [...at]);
    draft = { ...draft, sections: draft.sections.map((section, at) => ({ ...section, width_m: 10 + at })) };
    const shorter = without(draft, 1);
    expect(shorter.sections.map((section) => section.width_m)).toEqual([10, 12]);
    expect(isWhole(without(shorter, 0))).toBe(false);
  });

  it('comes back from what was kept', () => {
    const shapes: [Area['kind'], Area['geometry']][] = [
      ['circle', { lat_e6: 22_540_001, lon_e6: 114_050_001, radius_m: 7 }],
      ['polygon', { points: [[1, 2], [3, 4], [5, 7]] }],
      ['route', { points: [1, 2].map((at) => ({ lat_e6: at, lon_e6: at, width_m: 30, too_long_s: 60, too_short_s: 5, max_speed: 80, duration_s: 3, night_speed: null })) }],
    ];
    for (const [kind, geometry] of shapes) expect(geometryOf(draftOf(area(kind, geometry)))).toEqual(geometry);
  });
});
