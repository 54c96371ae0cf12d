/** Sizes and rates of pictures as the field names them. */
const SIZES: readonly (readonly [number, number, string])[] = [
  [176, 144, 'QCIF'], [352, 288, 'CIF'], [704, 288, 'HD1'], [704, 576, 'D1'], [720, 576, 'D1'], [960, 576, 'WD1'],
  [1280, 720, '720P'], [1920, 1080, '1080P'],
];

/** The name of a size; the size itself where it has none, and nothing where none is known. */
export function sizeName(width: number, height: number): string {
  if (!width || !height) return '';
  return SIZES.find(([w, h]) => w === width && Math.abs(h - height) <= 8)?.[2] ?? `${width}×${height}`;
}

/** 512 kb/s, 4.6 Mb/s. */
export function bitRate(bitsPerS: number): string {
  return bitsPerS < 1e6 ? `${Math.round(bitsPerS / 1e3)} kb/s` : `${(bitsPerS / 1e6).toFixed(1)} Mb/s`;
}
