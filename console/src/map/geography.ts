/**
 * The project's own map data: `/map/boundaries.json`, `/map/places.json` (GeoJSON) and `/map/roads.json`, a compact graph table whose
 * format is described in luwei/geo/README.md. Read once for all maps of the console. WGS-84.
 */
import type { Feature, FeatureCollection, LineString, MultiLineString, MultiPolygon, Point, Polygon } from 'geojson';

import { request } from '@/api/client';

export interface BoundaryProperties {
  level: 'province' | 'city' | 'county';
  adcode: number;
  name: string;
  name_en: string;
  label: [number, number];
  /** Of a county: the adcode of its city. */
  city?: number;
}

export interface PlaceProperties {
  kind: 'city' | 'county' | 'town' | 'beyond';
  rank: number;
  name: string;
  name_en: string;
  adcode?: number;
  city?: number;
}

export type Boundaries = FeatureCollection<Polygon | MultiPolygon, BoundaryProperties>;
export type Places = FeatureCollection<Point, PlaceProperties>;
export type RoadClass = 'motorway' | 'trunk' | 'primary';

/** One edge: junctions a and b, class, length in metres, index of the number or null, points between as flat differences. */
export type RoadEdge = [a: number, b: number, kind: number, lengthM: number, ref: number | null, via: number[]];

export interface RoadTable {
  credit: string;
  classes: RoadClass[];
  refs: [number: string, name: string][];
  /** Flat, 1e-5 degree, each pair the difference to the one before. */
  nodes: number[];
  edges: RoadEdge[];
}

const cached = new Map<string, Promise<unknown>>();

function once<T>(path: string): Promise<T> {
  let reading = cached.get(path) as Promise<T> | undefined;
  if (!reading) {
    reading = request<T>(path);
    reading.catch(() => cached.delete(path)); // the next map tries again
    cached.set(path, reading);
  }
  return reading;
}

export const readBoundaries = (): Promise<Boundaries> => once('/map/boundaries.json');
export const readPlaces = (): Promise<Places> => once('/map/places.json');
export const readRoads = (): Promise<RoadTable> => once('/map/roads.json');

/** The points of every edge from a to b, in degrees. */
export function roadLines(table: RoadTable): [number, number][][] {
  const lon: number[] = [];
  const lat: number[] = [];
  let x = 0;
  let y = 0;
  for (let i = 0; i < table.nodes.length; i += 2) {
    x += table.nodes[i] as number;
    y += table.nodes[i + 1] as number;
    lon.push(x);
    lat.push(y);
  }
  return table.edges.map(([a, b, , , , via]) => {
    let east = lon[a] as number;
    let north = lat[a] as number;
    const points: [number, number][] = [[east / 1e5, north / 1e5]];
    for (let i = 0; i < via.length; i += 2) {
      east += via[i] as number;
      north += via[i + 1] as number;
      points.push([east / 1e5, north / 1e5]);
    }
    points.push([(lon[b] as number) / 1e5, (lat[b] as number) / 1e5]);
    return points;
  });
}

/** One MultiLineString a class: three features draw all roads. */
export function roadFeatures(table: RoadTable): FeatureCollection<MultiLineString, { class: RoadClass }> {
  const lines = roadLines(table);
  const features = table.classes.map((kind, index): Feature<MultiLineString, { class: RoadClass }> => ({
    type: 'Feature',
    properties: { class: kind },
    geometry: { type: 'MultiLineString', coordinates: lines.filter((_, edge) => table.edges[edge]?.[2] === index) },
  }));
  return { type: 'FeatureCollection', features };
}

/** Points for the number shields, longest edges first, the same number no closer than `apart` degrees. */
export function roadShields(table: RoadTable, apart = 0.18): FeatureCollection<Point, { ref: string; rank: number }> {
  const lines = roadLines(table);
  const placed = new Map<string, [number, number][]>();
  const features: Feature<Point, { ref: string; rank: number }>[] = [];
  const order = table.edges.map((_, index) => index).filter((index) => table.edges[index]?.[4] !== null);
  order.sort((p, q) => (table.edges[q]?.[3] ?? 0) - (table.edges[p]?.[3] ?? 0));
  for (const index of order) {
    const ref = (table.refs[table.edges[index]?.[4] ?? -1]?.[0] ?? '').split('/')[0];
    const line = lines[index];
    if (!ref || !line) continue;
    const middle = line[Math.floor(line.length / 2)] as [number, number];
    const others = placed.get(ref) ?? [];
    if (others.some(([lon, lat]) => Math.hypot(lon - middle[0], lat - middle[1]) < apart)) continue;
    placed.set(ref, [...others, middle]);
    features.push({
      type: 'Feature',
      properties: { ref, rank: others.length },
      geometry: { type: 'Point', coordinates: middle },
    });
  }
  return { type: 'FeatureCollection', features };
}

/** A line of an area's outline, for highlighting. */
export function areaOutline(boundaries: Boundaries, adcode: number): Feature<Polygon | MultiPolygon> | null {
  return boundaries.features.find((feature) => feature.properties.adcode === adcode) ?? null;
}

/** West, south, east, north of a geometry. */
export function boundsOf(geometry: Polygon | MultiPolygon | LineString): [number, number, number, number] {
  let [west, south, east, north] = [180, 90, -180, -90];
  const walk = (value: unknown): void => {
    const list = value as unknown[];
    if (typeof list[0] === 'number') {
      const [lon, lat] = list as [number, number];
      west = Math.min(west, lon);
      east = Math.max(east, lon);
      south = Math.min(south, lat);
      north = Math.max(north, lat);
    } else list.forEach(walk);
  };
  walk(geometry.coordinates);
  return [west, south, east, north];
}
