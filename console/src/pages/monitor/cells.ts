/** The server's grid cells as circles. The circle's area follows the count; from zoom 8.8 on the count stands in it. */
import type { Feature, FeatureCollection, Point } from 'geojson';
import type { GeoJSONSource } from 'maplibre-gl';

import { count } from '@/format/number';
import type { CellFrame } from '@/live/frame';
import type { LuweiMap } from '@/map';
import { FONT } from '@/map/style';

export interface CellProperties {
  count: number;
  online: number;
  alarm: number;
  text: string;
  radius: number;
}

/** Pixels; 300 trucks in a cell and 30,000 must both stay readable. */
export function cellRadius(n: number): number {
  return Math.min(26, 4 + 2.6 * Math.log2(1 + n / 2));
}

export function cellFeatures(frame: CellFrame | null): FeatureCollection<Point, CellProperties> {
  const features: Feature<Point, CellProperties>[] = [];
  for (let i = 0; frame && i < frame.n; i += 1) {
    const n = frame.count[i] as number;
    features.push({
      type: 'Feature',
      geometry: { type: 'Point', coordinates: [(frame.lonE6[i] as number) / 1e6, (frame.latE6[i] as number) / 1e6] },
      properties: {
        count: n,
        online: frame.online[i] as number,
        alarm: frame.alarm[i] as number,
        text: n >= 10_000 ? `${Math.round(n / 1000)}k` : count(n),
        radius: cellRadius(n),
      },
    });
  }
  return { type: 'FeatureCollection', features };
}

export function addCells(view: LuweiMap): void {
  view.map.addSource('cells', { type: 'geojson', data: { type: 'FeatureCollection', features: [] } });
  view.map.addLayer({
    id: 'cells',
    type: 'circle',
    source: 'cells',
    layout: { 'circle-sort-key': ['get', 'alarm'] },
    paint: {
      'circle-radius': ['interpolate', ['linear'], ['zoom'], 5, ['*', 0.5, ['get', 'radius']], 9, ['get', 'radius']],
      // A cell with nobody online is grey: the colour says "moving data", not "there is a truck".
      'circle-color': ['case', ['>', ['get', 'online'], 0], '#5b9dff', '#8496ac'],
      'circle-opacity': 0.38,
      'circle-stroke-width': ['case', ['>', ['get', 'alarm'], 0], 1.8, 1],
      'circle-stroke-color': [
        'case',
        ['>', ['get', 'alarm'], 0],
        '#ff6b6b',
        ['case', ['>', ['get', 'online'], 0], '#5b9dff', '#8496ac'],
      ],
      'circle-stroke-opacity': 0.85,
    },
  });
  view.map.addLayer({
    id: 'cell-count',
    type: 'symbol',
    source: 'cells',
    minzoom: 8.8,
    layout: { 'text-field': ['get', 'text'], 'text-font': FONT, 'text-size': 11, 'text-allow-overlap': true },
    paint: { 'text-color': '#e6edf5', 'text-halo-color': '#0b1420', 'text-halo-width': 1.2 },
  });
}

export function showCells(view: LuweiMap, frame: CellFrame | null): void {
  (view.map.getSource('cells') as GeoJSONSource | undefined)?.setData(cellFeatures(frame));
}
