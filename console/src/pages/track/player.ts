/** The replay in the page: drives `advance` from the screen's frames. */
import { onBeforeUnmount, ref, watch } from 'vue';
import type { Ref } from 'vue';

import { advance } from './replay';
import type { Skip } from './replay';

export interface Player {
  t: Ref<number>;
  playing: Ref<boolean>;
  play: () => void;
  pause: () => void;
  toggle: () => void;
  seek: (t: number) => void;
}

export interface Reel {
  from: number;
  to: number;
  skips: readonly Skip[];
}

export function usePlayer(reel: Ref<Reel | null>, rate: Ref<number>, skip: Ref<boolean>): Player {
  const t = ref(0);
  const playing = ref(false);
  let frame = 0;
  let last = 0;

  function tick(now: number): void {
    frame = 0;
    if (!playing.value || !reel.value) return;
    const next = advance(t.value, last ? now - last : 0, rate.value, reel.value.to, skip.value ? reel.value.skips : []);
    last = now;
    t.value = next.t;
    playing.value = next.playing;
    if (next.playing) frame = requestAnimationFrame(tick);
  }

  function play(): void {
    if (!reel.value || playing.value) return;
    if (t.value >= reel.value.to) t.value = reel.value.from;
    playing.value = true;
    last = 0;
    frame = requestAnimationFrame(tick);
  }

  function pause(): void {
    playing.value = false;
    cancelAnimationFrame(frame);
  }

  function seek(next: number): void {
    if (!reel.value) return;
    t.value = Math.max(reel.value.from, Math.min(reel.value.to, next));
  }

  watch(reel, pause);
  onBeforeUnmount(pause);
  return { t, playing, play, pause, seek, toggle: () => (playing.value ? pause() : play()) };
}
