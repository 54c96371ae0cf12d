/** Where pictures go. A sink is made for one way of carrying them and draws into an element of the tile. */
export interface SinkFigures {
  /** Pictures decoded so far, and those of them that came too late to be shown. */
  frames: number;
  dropped: number;
  width: number;
  height: number;
  /** Media time of what is on the screen, and of the newest data; seconds. Null: not known. */
  at: number | null;
  newest: number | null;
}

export interface SinkEvents {
  /** A picture reached the screen. */
  frame: () => void;
  /** It cannot go on: the browser says why. */
  failed: (why: string) => void;
}

export interface Sink {
  /** A new description of what comes next; the first one starts it. */
  open(mime: string): void;
  data(bytes: ArrayBuffer): void;
  figures(): SinkFigures;
  /** The picture goes away at once. */
  close(): void;
}
