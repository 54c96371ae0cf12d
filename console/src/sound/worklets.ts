/** What the page and its two audio worklets say to each other. */
export const CAPTURE = 'luwei-capture';
export const PLAYBACK = 'luwei-playback';

export interface CaptureOptions {
  /** Of the blocks that are wanted, Hz. */
  rate: number;
  /** Samples in a block. */
  length: number;
}

/** From the microphone: a block of 16-bit PCM and how loud it is (root of the mean square, 1 full scale). */
export interface Block {
  pcm: ArrayBuffer;
  loudness: number;
}

export interface PlaybackOptions {
  /** Of what comes, Hz. */
  rate: number;
  startMs: number;
  mostMs: number;
}

/** What the loudspeaker is told: 16-bit PCM, or to forget what waits. */
export type ToSpeaker = ArrayBuffer | 'clear' | 'end';

/** From the loudspeaker, some ten times a second. */
export interface Heard {
  loudness: number;
  waitingMs: number;
  skippedMs: number;
  gaps: number;
}
