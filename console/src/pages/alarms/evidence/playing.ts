/**
 * Plays the clips of all channels on one clock. The clock runs by the screen's frames; each clip is held to it while it lasts and waits
 * outside; a clip that still loads holds the clock.
 */
import { onBeforeUnmount, ref } from 'vue';
import type { Ref } from 'vue';

import { HALF_MS } from './axis';
import { apart } from './shown';
import type { Shown } from './shown';

export const RATES = [0.5, 1, 2] as const;
export type Rate = (typeof RATES)[number];
/** How far a clip may drift from the clock before it is set. */
const DRIFT_S = 0.18;
const STEP_LIMIT_MS = 100;
/** A clip that cannot go on holds the clock for so long at most. */
const HOLD_MS = 4_000;

export interface Deck {
  at: Ref<number>;
  playing: Ref<boolean>;
  rate: Ref<Rate>;
  toggle: () => void;
  pause: () => void;
  seek: (ms: number) => void;
  /** Steps by frames of the first clip. */
  frame: (step: number) => void;
  /** A clip's element, or null when it leaves the page. */
  attach: (file: number, element: HTMLVideoElement | null) => void;
  /** Another case: nothing plays, the clock stands at the alarm or at the beginning of its clips. */
  reset: (at: number) => void;
}

/** Where playing begins and ends: the clips when there are any, else ±10 s. */
export function reelOf(shown: readonly Shown[]): { from: number; to: number } {
  const clips = shown.filter((each) => each.playable && each.kind === 'video' && !apart(each));
  if (!clips.length) return { from: -10_000, to: 10_000 };
  return { from: Math.max(-HALF_MS, Math.min(...clips.map((clip) => clip.from))), to: Math.min(HALF_MS, Math.max(...clips.map((clip) => clip.to))) };
}

export function useDeck(shown: () => readonly Shown[]): Deck {
  const at = ref(0);
  const playing = ref(false);
  const rate = ref<Rate>(1);
  /** By file: what is known of a file may be read anew while its element stays. */
  const elements = new Map<number, HTMLVideoElement>();
  let frameId = 0;
  let last = 0;
  let held = 0;

  function hold(clip: Shown, element: HTMLVideoElement): boolean {
    const inside = at.value >= clip.from && at.value < clip.to;
    const wanted = Math.max(0, Math.min((clip.to - clip.from) / 1000 - 0.04, (at.value - clip.from) / 1000));
    if (!playing.value || !inside) {
      if (!element.paused) element.pause();
      if (Math.abs(element.currentTime - wanted) > 0.02 && element.readyState > 0 && !element.seeking) element.currentTime = wanted;
      return false;
    }
    if (element.playbackRate !== rate.value) element.playbackRate = rate.value;
    if (Math.abs(element.currentTime - wanted) > DRIFT_S && !element.seeking) element.currentTime = wanted;
    if (element.paused) void element.play().catch(() => undefined); // refused or replaced: the picture follows by seeking
    return element.readyState < 2 && !element.error;
  }

  function follow(): boolean {
    let waits = false;
    for (const clip of shown()) {
      const element = elements.get(clip.file.id);
      if (element) waits = hold(clip, element) || waits;
    }
    return waits;
  }

  function tick(now: number): void {
    frameId = 0;
    if (!playing.value) return;
    const gone = last ? Math.min(STEP_LIMIT_MS, now - last) : 0;
    last = now;
    held = follow() ? held + gone : 0;
    if (held === 0 || held > HOLD_MS) {
      const { to } = reelOf(shown());
      at.value = Math.min(to, at.value + gone * rate.value);
      if (at.value >= to) {
        playing.value = false;
        follow();
        return;
      }
    }
    frameId = requestAnimationFrame(tick);
  }

  function play(): void {
    const { from, to } = reelOf(shown());
    if (at.value >= to - 40 || at.value < from) at.value = from;
    playing.value = true;
    last = held = 0;
    cancelAnimationFrame(frameId);
    frameId = requestAnimationFrame(tick);
  }

  function pause(): void {
    playing.value = false;
    cancelAnimationFrame(frameId);
    follow();
  }

  function seek(ms: number): void {
    at.value = Math.max(-HALF_MS, Math.min(HALF_MS, ms));
    follow();
  }

  function frame(step: number): void {
    pause();
    const clip = shown().find((each) => each.kind === 'video' && each.playable && at.value >= each.from && at.value < each.to);
    seek(at.value + (step * 1000) / (clip?.fps ?? 25));
  }

  function attach(file: number, element: HTMLVideoElement | null): void {
    if (!element) {
      elements.delete(file);
      return;
    }
    if (elements.get(file) === element) return;
    elements.set(file, element);
    element.addEventListener('loadeddata', () => void follow(), { once: true });
  }

  function reset(ms: number): void {
    pause();
    elements.clear();
    at.value = ms;
  }

  onBeforeUnmount(() => {
    cancelAnimationFrame(frameId);
    elements.clear();
  });
  return { at, playing, rate, toggle: () => (playing.value ? pause() : play()), pause, seek, frame, attach, reset };
}
