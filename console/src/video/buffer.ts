/**
 * Where a live picture stands in what the browser has buffered. It stays a little behind the newest data so that a late fragment does
 * not stop it, catches up by playing a little faster, and jumps where that would take too long. Seconds of media time throughout.
 */
export type Span = readonly [start: number, end: number];

export interface Moment {
  /** Where the picture stands. */
  at: number;
  /** What is buffered, oldest first. */
  spans: readonly Span[];
  /** The speed it plays at now. */
  rate: number;
  /** A jump is under way. */
  seeking: boolean;
  /** Seconds since the last jump. */
  sinceJump: number;
}

export interface Advice {
  /** Jump to here. */
  seek: number | null;
  rate: number;
}

/** The distance behind the newest data that is aimed at. */
export const AIM_S = 0.3;
/** Farther behind than this it jumps. */
export const MOST_S = 1;
/** Nearer than this it plays slower, farther than that it plays faster, until the aim is reached. */
export const NEAR_S = 0.12;
export const FAR_S = 0.5;
export const SLOW = 0.95;
export const FAST = 1.1;
/** A decoder that is too slow is not helped by jumping all the time. */
export const JUMP_PAUSE_S = 2;
const HAIR_S = 0.02;

export function advise({ at, spans, rate, seeking, sinceJump }: Moment): Advice {
  const last = spans.at(-1);
  if (!last || seeking) return { seek: null, rate: 1 };
  const [start, end] = last;
  const edge = Math.max(start, end - AIM_S);
  if (at < start - HAIR_S || at > end + HAIR_S) return { seek: edge, rate: 1 };
  const behind = end - at;
  if (behind > MOST_S && sinceJump >= JUMP_PAUSE_S) return { seek: edge, rate: 1 };
  if (behind > FAR_S || (rate > 1 && behind > AIM_S)) return { seek: null, rate: FAST };
  if (behind < NEAR_S || (rate < 1 && behind < AIM_S)) return { seek: null, rate: SLOW };
  return { seek: null, rate: 1 };
}

/** Shown pictures are kept this long, then given back once this much has gathered. */
export const KEEP_S = 2;
export const SPARE_S = 4;

/**
 * Up to where the buffer may be emptied; null: nothing to do. Only whole groups of pictures go: what a browser removes reaches to the
 * next key frame, and where none follows it takes everything.
 */
export function trimTo(at: number, spans: readonly Span[], keys: readonly number[]): number | null {
  const first = spans[0];
  if (!first) return null;
  const cut = keys.reduce((found, key) => (key <= at - KEEP_S && key > found ? key : found), -1);
  return cut - first[0] >= SPARE_S || (cut > first[0] && spans.length > 3) ? cut : null;
}

/** Of what waits to be decoded, how much is too much: seconds of a wall's sub-stream, or a burst of a main stream. */
export const QUEUE_BYTES = 4 << 20;
export const QUEUE_ITEMS = 60;

export interface Waiting {
  bytes: number;
  keyFrame: boolean;
}

/**
 * How many of the waiting fragments are passed over: too many wait, so it goes on with the newest group of pictures. Without a key
 * frame among them all are: what follows shows nothing until the next one, which then is at the front of the time.
 */
export function passOver(queue: readonly Waiting[]): number {
  const bytes = queue.reduce((sum, each) => sum + each.bytes, 0);
  if (queue.length <= QUEUE_ITEMS && bytes <= QUEUE_BYTES) return 0;
  const newest = queue.reduce((found, each, place) => (each.keyFrame ? place : found), -1);
  return newest > 0 ? newest : queue.length;
}
