/** An area while it is drawn: corners in degrees, what a click or a drag makes of them, and how it looks on the map. */
import type { Feature, FeatureCollection } from 'geojson';

import type { Area, AreaKind, CircleShape, Geometry, RectangleShape, TurningPoint } from './answers';

export type Corner = [lon: number, lat: number];

export interface Draft {
  kind: AreaKind;
  /** Circle: the centre; rectangle: two opposite corners; polygon and route: all points. */
  corners: Corner[];
  radiusM: number;
  /** Of a route: width, times and speeds of the section that begins at each corner. */
  sections: Section[];
}
export type Section = Omit<TurningPoint, 'lat_e6' | 'lon_e6'>;

export const WIDTH_M = 30;
export const POINTS_MAX = 200;
const EARTH_M = 6_371_008.8;
const STEPS = 72;
const RAD = Math.PI / 180;

export const newSection = (): Section => ({ width_m: WIDTH_M, too_long_s: null, too_short_s: null, max_speed: null, duration_s: null, night_speed: null });
export const emptyDraft = (kind: AreaKind): Draft => ({ kind, corners: [], radiusM: 500, sections: [] });

const e6 = (degrees: number): number => Math.round(degrees * 1e6);

/** A figure as it is typed: empty is none (null), anything that is no number is NaN and never sent. */
export const figureOf = (text: string): number | null => (text.trim() === '' ? null : Number(text));

/** Metres between two corners on a sphere. */
export function metres(a: Corner, b: Corner): number {
  const half = Math.sin(((b[1] - a[1]) * RAD) / 2) ** 2 + Math.cos(a[1] * RAD) * Math.cos(b[1] * RAD) * Math.sin(((b[0] - a[0]) * RAD) / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.sqrt(half));
}

/** A click on the ground. */
export function clicked(draft: Draft, at: Corner): Draft {
  const { corners } = draft;
  switch (draft.kind) {
    case 'circle':
      return corners.length === 0 ? { ...draft, corners: [at] } : { ...draft, radiusM: radius(metres(corners[0] as Corner, at)) };
    case 'rectangle':
      return { ...draft, corners: corners.length >= 2 ? [at] : [...corners, at] };
    default:
      if (corners.length >= POINTS_MAX) return draft;
      return { ...draft, corners: [...corners, at], sections: draft.kind === 'route' ? [...draft.sections, newSection()] : [] };
  }
}

const radius = (found: number): number => Math.min(Math.max(Math.round(found), 1), 1_000_000);

/** A handle was dragged; the handle behind the last corner is a circle's edge. */
export function dragged(draft: Draft, index: number, to: Corner): Draft {
  if (draft.kind === 'circle' && index === 1) return { ...draft, radiusM: radius(metres(draft.corners[0] as Corner, to)) };
  return { ...draft, corners: draft.corners.map((corner, at) => (at === index ? to : corner)) };
}

export function without(draft: Draft, index: number): Draft {
  return { ...draft, corners: draft.corners.filter((_, at) => at !== index), sections: draft.sections.filter((_, at) => at !== index) };
}

/** Whether every figure of its sections is one. */
export const isFigured = (draft: Draft): boolean => draft.sections.every((section) => !Object.values(section).some((value) => Number.isNaN(value)));

export const isWhole = (draft: Draft): boolean =>
  draft.corners.length >= { circle: 1, rectangle: 2, polygon: 3, route: 2 }[draft.kind];

export function geometryOf(draft: Draft): Geometry {
  const [first, second] = draft.corners as [Corner, Corner];
  switch (draft.kind) {
    case 'circle':
      return { lat_e6: e6(first[1]), lon_e6: e6(first[0]), radius_m: draft.radiusM };
    case 'rectangle':
      return {
        north_e6: e6(Math.max(first[1], second[1])),
        west_e6: e6(Math.min(first[0], second[0])),
        south_e6: e6(Math.min(first[1], second[1])),
        east_e6: e6(Math.max(first[0], second[0])),
      };
    case 'polygon':
      return { points: draft.corners.map(([lon, lat]) => [e6(lat), e6(lon)] as [number, number]) };
    case 'route':
      return { points: draft.corners.map(([lon, lat], at) => ({ lat_e6: e6(lat), lon_e6: e6(lon), ...(draft.sections[at] ?? newSection()) })) };
  }
}

export function draftOf(area: Area): Draft {
  const draft = emptyDraft(area.kind);
  if (area.kind === 'circle') {
    const shape = area.geometry as CircleShape;
    return { ...draft, corners: [[shape.lon_e6 / 1e6, shape.lat_e6 / 1e6]], radiusM: shape.radius_m };
  }
  if (area.kind === 'rectangle') {
    const shape = area.geometry as RectangleShape;
    return { ...draft, corners: [[shape.west_e6 / 1e6, shape.north_e6 / 1e6], [shape.east_e6 / 1e6, shape.south_e6 / 1e6]] };
  }
  if (area.kind === 'polygon') {
    const { points } = area.geometry as { points: [number, number][] };
    return { ...draft, corners: points.map(([lat, lon]) => [lon / 1e6, lat / 1e6]) };
  }
  const { points } = area.geometry as { points: TurningPoint[] };
  return {
    ...draft,
    corners: points.map((point) => [point.lon_e6 / 1e6, point.lat_e6 / 1e6]),
    sections: points.map(({ width_m, too_long_s, too_short_s, max_speed, duration_s, night_speed }) => ({ width_m, too_long_s, too_short_s, max_speed, duration_s, night_speed })),
  };
}

/** The ring of a circle: points at one distance on a sphere. */
export function ring(centre: Corner, radiusM: number): Corner[] {
  const [lon, lat] = [centre[0] * RAD, centre[1] * RAD];
  const arc = radiusM / EARTH_M;
  return Array.from({ length: STEPS + 1 }, (_, step): Corner => {
    const way = (step / STEPS) * 2 * Math.PI;
    const north = Math.asin(Math.sin(lat) * Math.cos(arc) + Math.cos(lat) * Math.sin(arc) * Math.cos(way));
    const east = lon + Math.atan2(Math.sin(way) * Math.sin(arc) * Math.cos(lat), Math.cos(arc) - Math.sin(lat) * Math.sin(north));
    return [east / RAD, north / RAD];
  });
}

export function handles(draft: Draft): Corner[] {
  const [centre] = draft.corners;
  if (draft.kind !== 'circle' || !centre) return draft.corners;
  return [centre, ring(centre, draft.radiusM)[STEPS / 4] as Corner];
}

function outline(draft: Draft): Feature['geometry'] | null {
  const { corners } = draft;
  const [first, second] = corners;
  if (!first) return null;
  if (draft.kind === 'circle') return { type: 'Polygon', coordinates: [ring(first, draft.radiusM)] };
  if (!second) return null;
  if (draft.kind === 'rectangle') {
    return { type: 'Polygon', coordinates: [[first, [second[0], first[1]], second, [first[0], second[1]], first]] };
  }
  if (draft.kind === 'polygon' && corners.length > 2) return { type: 'Polygon', coordinates: [[...corners, first]] };
  return { type: 'LineString', coordinates: corners };
}

/** The shapes of areas for the map; ``chosen`` marks the one that is looked at or drawn. */
export function shapes(areas: readonly Area[], chosen: number | null, draft: Draft | null): FeatureCollection {
  const features: Feature[] = [];
  for (const area of areas) {
    const geometry = draft && area.id === chosen ? null : outline(draftOf(area));
    if (geometry) features.push({ type: 'Feature', id: area.id, geometry, properties: { id: area.id, chosen: area.id === chosen } });
  }
  const drawn = draft && outline(draft);
  if (drawn) features.push({ type: 'Feature', geometry: drawn, properties: { id: 0, chosen: true } });
  return { type: 'FeatureCollection', features };
}

export function handleFeatures(draft: Draft | null): FeatureCollection {
  const points = draft ? handles(draft) : [];
  return {
    type: 'FeatureCollection',
    features: points.map((at, index) => ({ type: 'Feature', geometry: { type: 'Point', coordinates: at }, properties: { index } })),
  };
}

/** West, south, east, north of a shape; null of an empty one. */
export function boxOf(draft: Draft): [number, number, number, number] | null {
  const [first] = draft.corners;
  if (!first) return null;
  const all = draft.kind === 'circle' ? ring(first, draft.radiusM) : draft.corners;
  const lon = all.map((each) => each[0]);
  const lat = all.map((each) => each[1]);
  return [Math.min(...lon), Math.min(...lat), Math.max(...lon), Math.max(...lat)];
}
