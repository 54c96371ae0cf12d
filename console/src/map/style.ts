/**
 * The built-in dark map: areas, roads, places and road numbers from the project's own data. No glyph file and no sprite: MapLibre draws
 * letters from the local fonts. Where one is set, an official tile service takes the place of roads and places, a PMTiles file that of roads.
 */
import type { LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl';

import type { SystemInfo } from '@/api/types';
import type { Locale } from '@/i18n';

export const CREDIT = '边界 天地图 · © OpenMapTiles © OpenStreetMap contributors';
export const PMTILES = 'pmtiles:///map/basemap.pmtiles';
export const FONT = ['PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif'];

const EMPTY = { type: 'FeatureCollection', features: [] } as const;

/** The map's colours are tokens like all others (`--map-…` in theme/tokens.css). */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--map-${name}`).trim();
}

const nameField = (locale: Locale): LayerSpecification & object =>
  ['coalesce', ['get', locale === 'zh' ? 'name' : 'name_en'], ['get', 'name']] as never;

/** Layers whose text follows the language. */
export const NAMED = ['place-city', 'place-county', 'place-town', 'place-beyond'] as const;
export const nameExpression = (locale: Locale): unknown => nameField(locale);

function place(
  id: string,
  kind: string,
  minzoom: number,
  size: unknown,
  color: string,
  halo: string,
  locale: Locale,
  maxzoom = 24,
): LayerSpecification {
  return {
    id,
    type: 'symbol',
    source: 'places',
    minzoom,
    maxzoom,
    filter: ['==', ['get', 'kind'], kind],
    layout: {
      'text-field': nameField(locale) as never,
      'text-font': FONT,
      'text-size': size as never,
      'symbol-sort-key': ['get', 'rank'],
      'text-padding': 4,
    },
    paint: { 'text-color': color, 'text-halo-color': halo, 'text-halo-width': 1.4 },
  };
}

/** The own roads and those of OpenMapTiles name their classes alike. */
type RoadSource = { source: 'roads' } | { 'source': 'base'; 'source-layer': 'transportation' };

function road(from: RoadSource, kinds: string[], color: string, width: [number, number, number], minzoom = 0): LayerSpecification {
  return {
    id: `road-${kinds[0]}`,
    type: 'line',
    ...from,
    minzoom,
    filter: ['in', ['get', 'class'], ['literal', kinds]],
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: {
      'line-color': color,
      'line-width': ['interpolate', ['exponential', 1.4], ['zoom'], 6, width[0], 10, width[1], 15, width[2]],
    },
  };
}

const TILE_ROADS: RoadSource = { 'source': 'base', 'source-layer': 'transportation' };

/** Layers of an OpenMapTiles PMTiles file that the own data lacks: water, green and the smaller streets. */
function pmtilesLayers(water: string): LayerSpecification[] {
  return [
    { id: 'tile-land', type: 'fill', source: 'base', 'source-layer': 'landcover', paint: { 'fill-color': '#12251f', 'fill-opacity': 0.35 } },
    { id: 'tile-water', type: 'fill', source: 'base', 'source-layer': 'water', paint: { 'fill-color': water } },
    { id: 'tile-river', type: 'line', source: 'base', 'source-layer': 'waterway', paint: { 'line-color': water, 'line-width': 1 } },
    road(TILE_ROADS, ['secondary', 'tertiary', 'minor', 'service'], token('primary'), [0.3, 0.6, 3], 9),
  ];
}

export function mapStyle(locale: Locale, service: SystemInfo['map'] | null): StyleSpecification {
  const [land, beyond, water, label] = [token('land'), token('beyond'), token('water'), token('label')];
  const own = !service?.tiles;
  const sources: Record<string, SourceSpecification> = {
    areas: { type: 'geojson', data: EMPTY as never },
    roads: { type: 'geojson', data: EMPTY as never },
    places: { type: 'geojson', data: EMPTY as never },
    shields: { type: 'geojson', data: EMPTY as never },
  };
  if (service?.tiles) {
    sources.base = { type: 'raster', tiles: [service.tiles], tileSize: 256 };
  } else if (service?.pmtiles) sources.base = { type: 'vector', url: PMTILES };

  const layers: LayerSpecification[] = [{ id: 'ground', type: 'background', paint: { 'background-color': beyond } }];
  if (service?.tiles) layers.push({ id: 'tiles', type: 'raster', source: 'base' });
  if (own) {
    layers.push({
      id: 'land',
      type: 'fill',
      source: 'areas',
      filter: ['==', ['get', 'level'], 'province'],
      paint: { 'fill-color': land },
    });
    if (service?.pmtiles) layers.push(...pmtilesLayers(water));
    const roads: RoadSource = service?.pmtiles ? TILE_ROADS : { source: 'roads' }; // never both: the same road would be drawn twice
    layers.push(
      road(roads, ['primary'], token('primary'), [0.4, 1.2, 5], 7),
      road(roads, ['trunk'], token('trunk'), [0.7, 2, 8]),
      road(roads, ['motorway'], token('motorway'), [1.1, 2.8, 11]),
    );
  }
  layers.push(
    {
      id: 'county-line',
      type: 'line',
      source: 'areas',
      minzoom: 8,
      filter: ['==', ['get', 'level'], 'county'],
      paint: { 'line-color': token('city'), 'line-width': 0.7, 'line-opacity': 0.45, 'line-dasharray': [2, 3] },
    },
    {
      id: 'city-line',
      type: 'line',
      source: 'areas',
      filter: ['==', ['get', 'level'], 'city'],
      paint: {
        'line-color': token('city'),
        'line-width': ['interpolate', ['linear'], ['zoom'], 6, 0.8, 12, 1.6],
        'line-opacity': 0.75,
        'line-dasharray': [3, 3],
      },
    },
    {
      id: 'area-chosen',
      type: 'line',
      source: 'areas',
      filter: ['==', ['get', 'adcode'], -1],
      paint: { 'line-color': '#7fa6d6', 'line-width': 1.6, 'line-opacity': 0.9 },
    },
  );
  if (own) {
    layers.push(
      {
        id: 'shield',
        type: 'symbol',
        source: 'shields',
        minzoom: 8,
        layout: {
          'text-field': ['get', 'ref'],
          'text-font': FONT,
          'text-size': 10,
          'icon-image': 'shield',
          'icon-text-fit': 'both',
          'icon-text-fit-padding': [1, 4, 1, 4],
          'symbol-sort-key': ['get', 'rank'],
          'text-padding': 24,
        },
        paint: { 'text-color': '#a9d8bf' },
      },
      place('place-beyond', 'beyond', 5, 11, '#6d8299', beyond, locale),
      place('place-town', 'town', 11, 11, '#8496ac', land, locale),
      place('place-county', 'county', 9, ['interpolate', ['linear'], ['zoom'], 9, 11, 13, 14], '#a9bbcf', land, locale),
      place('place-city', 'city', 5, ['interpolate', ['linear'], ['zoom'], 6, 12, 12, 18], label, '#0b1420', locale),
    );
  }
  return { version: 8, sources, layers };
}
