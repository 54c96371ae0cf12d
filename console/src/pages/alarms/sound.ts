/**
 * A sound for a new case, made in the browser: three rising tones for G3, two for G2, one for G1. Off until the person switches it on,
 * remembered for the account on this computer. A browser plays nothing before a press or a key, so a remembered choice waits for one.
 */
import { onBeforeUnmount, ref } from 'vue';
import type { Ref } from 'vue';

import type { Grade } from '@/format/grade';

interface Tone {
  hz: number;
  /** Seconds after the beginning, and how long. */
  at: number;
  for: number;
}

export const TONES: Readonly<Record<Grade, readonly Tone[]>> = {
  0: [],
  1: [{ hz: 520, at: 0, for: 0.14 }],
  2: [
    { hz: 600, at: 0, for: 0.14 },
    { hz: 760, at: 0.18, for: 0.16 },
  ],
  3: [
    { hz: 700, at: 0, for: 0.13 },
    { hz: 880, at: 0.17, for: 0.13 },
    { hz: 1100, at: 0.34, for: 0.24 },
    { hz: 700, at: 0.8, for: 0.13 },
    { hz: 880, at: 0.97, for: 0.13 },
    { hz: 1100, at: 1.14, for: 0.24 },
  ],
};

/** Shortest time between two sounds: a storm of alarms is one sound, the gravest wins. */
export const REST_MS = 2_500;
const LOUD = 0.16;

const keyOf = (user: number): string => `luwei.sound.${user}`;

export function soundRemembered(user: number, storage: Pick<Storage, 'getItem'>): boolean {
  try {
    return storage.getItem(keyOf(user)) === 'on';
  } catch {
    return false;
  }
}

/** Whether a sound of this grade may begin now, after the last one. */
export function mayPlay(grade: Grade, now: number, last: { at: number; grade: Grade }): boolean {
  return TONES[grade].length > 0 && (now - last.at >= REST_MS || grade > last.grade);
}

export interface Sounds {
  on: Ref<boolean>;
  /** It is on, but the browser still waits for a press or a key. */
  waiting: Ref<boolean>;
  toggle: () => void;
  play: (grade: Grade) => void;
}

export function useSounds(user: number): Sounds {
  const on = ref(soundRemembered(user, localStorage));
  const waiting = ref(on.value);
  let context: AudioContext | null = null;
  let last: { at: number; grade: Grade } = { at: -Infinity, grade: 0 };

  function wake(): void {
    if (!on.value) return;
    context ??= new AudioContext();
    void context.resume().then(() => (waiting.value = context?.state !== 'running'));
  }

  function toggle(): void {
    on.value = !on.value;
    try {
      localStorage.setItem(keyOf(user), on.value ? 'on' : 'off');
    } catch {
      // not remembered
    }
    waiting.value = on.value;
    if (on.value) {
      wake();
      play(1);
    }
  }

  function play(grade: Grade): void {
    const now = performance.now();
    if (!on.value || !context || context.state === 'closed' || !mayPlay(grade, now, last)) return;
    last = { at: now, grade };
    for (const tone of TONES[grade]) {
      const from = context.currentTime + tone.at + 0.02;
      const oscillator = context.createOscillator();
      const gain = context.createGain();
      oscillator.type = 'triangle';
      oscillator.frequency.value = tone.hz;
      gain.gain.setValueAtTime(0, from);
      gain.gain.linearRampToValueAtTime(LOUD, from + 0.015);
      gain.gain.setValueAtTime(LOUD, from + tone.for - 0.03);
      gain.gain.linearRampToValueAtTime(0, from + tone.for);
      oscillator.connect(gain).connect(context.destination);
      oscillator.start(from);
      oscillator.stop(from + tone.for + 0.02);
    }
  }

  const gesture = (): void => {
    if (waiting.value) wake();
  };
  document.addEventListener('pointerdown', gesture);
  document.addEventListener('keydown', gesture);
  onBeforeUnmount(() => {
    document.removeEventListener('pointerdown', gesture);
    document.removeEventListener('keydown', gesture);
    void context?.close();
    context = null;
  });
  return { on, waiting, toggle, play };
}
