/** Samples between −1 and 1 as browsers have them, and 16-bit little-endian PCM as it goes over the line. */
const FULL = 32_768;

export function toPcm(samples: Float32Array): ArrayBuffer {
  const bytes = new ArrayBuffer(samples.length * 2);
  const view = new DataView(bytes);
  samples.forEach((sample, place) => view.setInt16(place * 2, Math.max(-FULL, Math.min(FULL - 1, Math.round(sample * FULL))), true));
  return bytes;
}

/** An odd octet at the end belongs to no sample and is left out. */
export function fromPcm(bytes: ArrayBuffer, offset = 0): Float32Array<ArrayBuffer> {
  const view = new DataView(bytes, offset);
  const samples = new Float32Array(view.byteLength >> 1);
  for (let place = 0; place < samples.length; place += 1) samples[place] = view.getInt16(place * 2, true) / FULL;
  return samples;
}

/** Root of the mean square; 0 for nothing. */
export function loudness(samples: Float32Array): number {
  if (!samples.length) return 0;
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length);
}

const QUIETEST_DB = -60;

/** Where a meter stands, 0 to 1: the loudness in decibels below full scale, from −60 dB on. */
export function meterOf(rms: number): number {
  if (rms <= 0) return 0;
  return Math.max(0, Math.min(1, 1 - (20 * Math.log10(rms)) / QUIETEST_DB));
}
