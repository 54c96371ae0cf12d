/** Web Mercator on the unit square, as MapLibre counts it: x east, y south, 0 … 1. */
export function mercatorX(lon: number): number {
  return (lon + 180) / 360;
}

export function mercatorY(lat: number): number {
  return 0.5 - Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / (2 * Math.PI);
}

/** Pixels of the whole world at a zoom (512-pixel tiles). */
export function worldSize(zoom: number): number {
  return 512 * 2 ** zoom;
}

/** Index of the point nearest to (lon, lat) within `pixels` at `zoom`, or −1. `lonE6`, `latE6` hold `n` points. */
export function nearest(
  lonE6: Int32Array,
  latE6: Int32Array,
  n: number,
  lon: number,
  lat: number,
  zoom: number,
  pixels: number,
): number {
  const world = worldSize(zoom);
  const eastE6 = (pixels / world) * 360e6;
  // A pixel is as wide as it is high, so a degree of latitude covers 1 / cos(lat) as many pixels as one of longitude.
  const stretch = 1 / Math.cos((lat * Math.PI) / 180);
  const [x, y] = [lon * 1e6, lat * 1e6];
  let best = -1;
  let least = eastE6 * eastE6;
  for (let i = 0; i < n; i += 1) {
    const east = (lonE6[i] as number) - x;
    if (east > eastE6 || east < -eastE6) continue;
    const north = ((latE6[i] as number) - y) * stretch;
    const square = east * east + north * north;
    if (square <= least) {
      least = square;
      best = i;
    }
  }
  return best;
}
