/**
 * `createMap(container, options)`: a MapLibre map with the console's own dark style. Nothing is fetched from outside: the worker is a file
 * of this host (so a strict content security policy holds), letters come from local fonts, the data from `/map/*.json`.
 */
import 'maplibre-gl/dist/maplibre-gl.css';
import './map.css';

import {
  addProtocol,
  AttributionControl,
  type ControlPosition,
  type GeoJSONSource,
  type LngLatBoundsLike,
  Map as MapLibreMap,
  ScaleControl,
  setWorkerUrl,
} from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import type { Protocol } from 'pmtiles';

import type { SystemInfo } from '@/api/types';
import type { Locale } from '@/i18n';

import { readBoundaries, readPlaces, readRoads, roadFeatures, roadShields } from './geography';
import { CREDIT, mapStyle, NAMED, nameExpression } from './style';

export { boundsOf } from './geography';
export type { MapLibreMap };

setWorkerUrl(workerUrl);

/** West, south, east, north of Guangdong, with a margin. */
export const PROVINCE: [number, number, number, number] = [109.6, 20.15, 117.35, 25.55];

export interface MapOptions {
  locale: Locale;
  /** From `/api/system`; null draws the built-in map. */
  service?: SystemInfo['map'] | null;
  center?: [lon: number, lat: number];
  zoom?: number;
  /** Used when there is no centre; the province by default. */
  bounds?: LngLatBoundsLike;
  /** Pixels covered by panels on each side, for `bounds`. */
  padding?: { top: number; right: number; bottom: number; left: number };
  scale?: ControlPosition;
  /** A small picture beside other things: it is not moved by hand, has no scale, and folds its credit. */
  small?: boolean;
  credit?: ControlPosition;
}

export interface LuweiMap {
  map: MapLibreMap;
  /** Resolves once style and own data are in place; rejects with ApiError when the data cannot be read. */
  ready: Promise<void>;
  setLocale(locale: Locale): void;
  /** Outlines an area by adcode; null removes the outline. */
  outline(adcode: number | null): void;
  destroy(): void;
}

let pmtiles: Promise<Protocol> | null = null;

/**
 * Teaches MapLibre the `pmtiles://` scheme. It must know it before the first map asks for such an address (an unknown scheme goes to the
 * network, where the policy forbids it); the reader itself is loaded with the first request, so only where a file is set.
 */
addProtocol('pmtiles', async (wanted, abort) => {
  pmtiles ??= import('pmtiles').then((reader) => new reader.Protocol());
  return (await pmtiles).tile(wanted, abort);
});

/** The green plate behind road numbers, drawn here: the map has no sprite file. */
function addShield(map: MapLibreMap): void {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 32;
  const pen = canvas.getContext('2d');
  if (!pen || map.hasImage('shield')) return;
  pen.fillStyle = '#1c3a2e';
  pen.strokeStyle = '#3f7a5e';
  pen.lineWidth = 2;
  pen.beginPath();
  pen.roundRect(1, 1, 30, 30, 5);
  pen.fill();
  pen.stroke();
  map.addImage('shield', pen.getImageData(0, 0, 32, 32), {
    pixelRatio: 2,
    stretchX: [[8, 24]],
    stretchY: [[8, 24]],
    content: [3, 3, 29, 29],
  });
}

/** Old browsers and locked-down desks: the list works without a map, so this is asked before one is made. */
export function webglAvailable(): boolean {
  return Boolean(document.createElement('canvas').getContext('webgl2'));
}

export function createMap(container: HTMLElement, options: MapOptions): LuweiMap {
  const service = options.service ?? null;
  const map = new MapLibreMap({
    container,
    style: mapStyle(options.locale, service),
    ...(options.center
      ? { center: options.center, zoom: options.zoom ?? 10 }
      : { bounds: options.bounds ?? PROVINCE, fitBoundsOptions: { padding: options.padding } }),
    minZoom: 4.5,
    renderWorldCopies: false,
    maxZoom: 18,
    maxPitch: 0,
    pitchWithRotate: false,
    dragRotate: false,
    touchPitch: false,
    attributionControl: false,
    interactive: !options.small,
    localIdeographFontFamily: '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif',
    fadeDuration: 120,
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new AttributionControl({ compact: !!options.small, customAttribution: service?.credit || CREDIT }), options.credit ?? 'bottom-right');
  if (options.small) map.once('load', () => container.querySelector('.maplibregl-compact-show')?.classList.remove('maplibregl-compact-show')); // folded from the beginning
  else map.addControl(new ScaleControl({ unit: 'metric', maxWidth: 100 }), options.scale ?? 'bottom-left');

  const loaded = new Promise<void>((resolve) => {
    if (map.isStyleLoaded()) resolve();
    else map.once('style.load', () => resolve());
  });
  let gone = false;
  const put = (id: string, data: unknown): void => {
    if (!gone) (map.getSource(id) as GeoJSONSource | undefined)?.setData(data as never);
  };
  const ready = (async () => {
    const reading = Promise.all([
      readBoundaries().then((areas) => [['areas', areas]] as const),
      readRoads().then((table) => [['roads', roadFeatures(table)], ['shields', roadShields(table)]] as const),
      readPlaces().then((places) => [['places', places]] as const),
    ]);
    const [sources] = await Promise.all([reading, loaded]);
    if (gone) return;
    addShield(map);
    for (const [id, data] of sources.flat()) put(id, data);
  })();

  return {
    map,
    ready,
    setLocale(locale) {
      for (const id of NAMED) {
        if (map.getLayer(id)) map.setLayoutProperty(id, 'text-field', nameExpression(locale) as never);
      }
    },
    outline(adcode) {
      if (map.getLayer('area-chosen')) map.setFilter('area-chosen', ['==', ['get', 'adcode'], adcode ?? -1]);
    },
    destroy() {
      gone = true;
      map.remove();
    },
  };
}
