/** Microphone and loudspeaker of this browser, for one talk. */
import { askMicrophone, listenTo, missing, MicrophoneError } from '@/sound/microphone';
import { openSpeaker } from '@/sound/speaker';

import type { Ears } from './talk';

export function browserEars(): Ears {
  let stream: MediaStream | null = null;
  let context: AudioContext | null = null;
  let closed = false;

  /** Made with the first sound: a context that nobody needs would keep the sound card awake. */
  async function sounding(): Promise<AudioContext> {
    const lack = missing();
    if (lack) throw new MicrophoneError(lack);
    context ??= new AudioContext({ latencyHint: 'interactive' });
    if (context.state === 'suspended') await context.resume();
    return context;
  }

  return {
    ask: async () => {
      const given = await askMicrophone();
      if (closed) given.getTracks().forEach((track) => track.stop());
      else stream = given;
    },
    listen: async (rate, length, took, lost) => {
      if (!stream) throw new MicrophoneError('absent');
      return listenTo(stream, await sounding(), { rate, length }, took, lost);
    },
    speaker: async (rate, heard) => openSpeaker(await sounding(), rate, heard),
    close: () => {
      closed = true;
      stream?.getTracks().forEach((track) => track.stop());
      stream = null;
      void context?.close();
      context = null;
    },
  };
}
