/** The place of this device: asked for only when a person wants it, reckoned with here. */
export interface Here {
  lat: number;
  lon: number;
}

const EARTH_M = 6_371_008.8;

/** Null where the device or the person refuses. */
export function here(): Promise<Here | null> {
  return new Promise((resolve) => {
    if (!('geolocation' in navigator)) return resolve(null);
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => resolve({ lat: coords.latitude, lon: coords.longitude }),
      () => resolve(null),
      { enableHighAccuracy: true, timeout: 10_000, maximumAge: 60_000 },
    );
  });
}

/** Great-circle distance in metres. */
export function metres(one: Here, other: Here): number {
  const rad = Math.PI / 180;
  const half =
    Math.sin(((other.lat - one.lat) * rad) / 2) ** 2 +
    Math.cos(one.lat * rad) * Math.cos(other.lat * rad) * Math.sin(((other.lon - one.lon) * rad) / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(half)));
}

/** 80 m, 1.2 km, 34 km. */
export function far(m: number): string {
  return m < 1000 ? `${Math.round(m / 10) * 10} m` : m < 10_000 ? `${(m / 1000).toFixed(1)} km` : `${Math.round(m / 1000)} km`;
}
