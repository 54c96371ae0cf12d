/** The chosen truck: a white arrow or dot on a dark disc, above everything, also when the map shows cells. */
import { Marker } from 'maplibre-gl';

import type { LuweiMap } from '@/map';

const SVG = 'http://www.w3.org/2000/svg';

function draw(tag: string, attributes: Record<string, string>): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

export interface Chosen {
  lon: number;
  lat: number;
  /** Degrees; null draws a dot. */
  headingDeg: number | null;
  alarm: boolean;
}

export class ChosenMarker {
  private marker: Marker | null = null;
  private readonly arrow = draw('path', { d: 'M17 8.500l5.600 15.500L17 20.500 11.400 24z', fill: '#e6edf5' });
  private readonly dot = draw('circle', { cx: '17', cy: '17', r: '4.500', fill: '#e6edf5' });
  private readonly ring = draw('circle', { cx: '17', cy: '17', r: '12.500', fill: '#0b1420', 'stroke-width': '1.800' });

  constructor(private readonly view: LuweiMap) {}

  show(chosen: Chosen | null): void {
    if (!chosen) {
      this.marker?.remove();
      this.marker = null;
      return;
    }
    if (!this.marker) {
      const svg = draw('svg', { width: '34', height: '34', viewBox: '0 0 34 34', 'aria-hidden': 'true' });
      svg.append(draw('circle', { cx: '17', cy: '17', r: '17', fill: '#5b9dff', 'fill-opacity': '0.28' }), this.ring, this.arrow, this.dot);
      const element = document.createElement('div');
      element.className = 'chosen-marker';
      element.append(svg);
      this.marker = new Marker({ element, anchor: 'center' }).setLngLat([chosen.lon, chosen.lat]).addTo(this.view.map);
    }
    this.marker.setLngLat([chosen.lon, chosen.lat]);
    this.arrow.setAttribute('transform', `rotate(${chosen.headingDeg ?? 0} 17 17)`);
    this.arrow.setAttribute('display', chosen.headingDeg === null ? 'none' : 'inline');
    this.dot.setAttribute('display', chosen.headingDeg === null ? 'inline' : 'none');
    this.ring.setAttribute('stroke', chosen.alarm ? '#ff6b6b' : '#e6edf5');
  }
}
