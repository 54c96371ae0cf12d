/**
 * Binary frames of `/ws/live`, decoded without a copy where the alignment allows it. Pure: no socket, no screen.
 *
 * Header, little-endian: u32 n, u32 kind | version << 8, u32 base time (Unix s), u32 sequence. Kinds: 1 vehicles that replace all,
 * 2 vehicles that changed or left, 3 cells that replace all.
 */
export const VERSION = 1;
export const HEADER_BYTES = 16;
export const BYTES_A_VEHICLE = 17;
export const BYTES_A_CELL = 20;
export const AGE_MORE = 65_535;

/** Bits of a vehicle's status byte. */
export const STATE_MASK = 0b11;
export const STATE_MOVING = 2;
export const BIT_ALARM = 1 << 2;
export const BIT_NO_FIX = 1 << 3;
export const BIT_LEFT = 1 << 7;

export interface VehicleFrame {
  kind: 'snapshot' | 'delta';
  n: number;
  /** Unix seconds the ages count back from. */
  base: number;
  seq: number;
  lonE6: Int32Array;
  latE6: Int32Array;
  id: Uint32Array;
  /** Seconds before `base` at which the last message was received; 65535 means that long or longer. */
  ageS: Uint16Array;
  speedKmh: Uint8Array;
  /** Degrees / 2; 255 unknown. */
  heading2: Uint8Array;
  status: Uint8Array;
}

export interface CellFrame {
  kind: 'cells';
  n: number;
  base: number;
  seq: number;
  lonE6: Int32Array;
  latE6: Int32Array;
  count: Uint32Array;
  online: Uint32Array;
  alarm: Uint32Array;
}

export type LiveFrame = VehicleFrame | CellFrame;

export class FrameError extends Error {
  constructor(
    readonly rule: 'short' | 'version' | 'kind' | 'length',
    detail: string,
  ) {
    super(`${rule}: ${detail}`);
    this.name = 'FrameError';
  }
}

/** @throws FrameError when the frame is not of this format; nothing is guessed. */
export function decodeFrame(buffer: ArrayBuffer): LiveFrame {
  if (buffer.byteLength < HEADER_BYTES) throw new FrameError('short', `${buffer.byteLength} bytes`);
  const head = new DataView(buffer);
  const n = head.getUint32(0, true);
  const kindAndVersion = head.getUint32(4, true);
  const base = head.getUint32(8, true);
  const seq = head.getUint32(12, true);
  const kind = kindAndVersion & 0xff;
  const version = kindAndVersion >>> 8;
  if (version !== VERSION) throw new FrameError('version', String(version));
  const each = kind === 3 ? BYTES_A_CELL : kind === 1 || kind === 2 ? BYTES_A_VEHICLE : 0;
  if (!each) throw new FrameError('kind', String(kind));
  const wanted = HEADER_BYTES + n * each;
  // The server may pad the end to a multiple of four.
  if (buffer.byteLength < wanted || buffer.byteLength > wanted + 3)
    throw new FrameError('length', `${buffer.byteLength} bytes for ${n} rows of kind ${kind}`);
  const words = 4 * n;
  let at = HEADER_BYTES;
  const next = (length: number): number => (at += length) - length;
  if (kind === 3) {
    return {
      kind: 'cells',
      n,
      base,
      seq,
      lonE6: new Int32Array(buffer, next(words), n),
      latE6: new Int32Array(buffer, next(words), n),
      count: new Uint32Array(buffer, next(words), n),
      online: new Uint32Array(buffer, next(words), n),
      alarm: new Uint32Array(buffer, next(words), n),
    };
  }
  return {
    kind: kind === 1 ? 'snapshot' : 'delta',
    n,
    base,
    seq,
    lonE6: new Int32Array(buffer, next(words), n),
    latE6: new Int32Array(buffer, next(words), n),
    id: new Uint32Array(buffer, next(words), n),
    ageS: new Uint16Array(buffer, next(2 * n), n),
    speedKmh: new Uint8Array(buffer, next(n), n),
    heading2: new Uint8Array(buffer, next(n), n),
    status: new Uint8Array(buffer, next(n), n),
  };
}
