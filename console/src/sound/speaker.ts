/** PCM to the loudspeaker, never older than a bound. */
import playbackUrl from './playback.worklet?worker&url';
import { PLAYBACK } from './worklets';
import type { Heard, PlaybackOptions, ToSpeaker } from './worklets';

/** Begins after so much, and never lags by more (ms). */
const START_MS = 80;
const MOST_MS = 320;

export interface Speaker {
  /** 16-bit little-endian PCM; the buffer goes away. */
  play: (pcm: ArrayBuffer) => void;
  clear: () => void;
  close: () => void;
}

/** Throws DOMException where the browser has no audio worklets. */
export async function openSpeaker(context: AudioContext, rate: number, heard: (figures: Heard) => void): Promise<Speaker> {
  await context.audioWorklet.addModule(playbackUrl);
  const processorOptions: PlaybackOptions = { rate, startMs: START_MS, mostMs: MOST_MS };
  const node = new AudioWorkletNode(context, PLAYBACK, { numberOfInputs: 0, numberOfOutputs: 1, outputChannelCount: [1], processorOptions });
  node.port.onmessage = ({ data }: MessageEvent<Heard>) => heard(data);
  node.connect(context.destination);
  const tell = (what: ToSpeaker, transfer: Transferable[] = []): void => node.port.postMessage(what, transfer);
  return {
    play: (pcm) => tell(pcm, [pcm]),
    clear: () => tell('clear'),
    close: () => {
      node.port.onmessage = null;
      tell('end');
      node.disconnect();
    },
  };
}
