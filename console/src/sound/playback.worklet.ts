/** The loudspeaker's side: what comes waits for a bounded time and is heard in the browser's own rate. */
import { fromPcm, loudness } from './pcm';
import { Resampler } from './resampler';
import { SoundRing } from './ring';
import { PLAYBACK } from './worklets';
import type { Heard, PlaybackOptions, ToSpeaker } from './worklets';

const TELL_MS = 100;

class Playback extends AudioWorkletProcessor {
  private readonly ring: SoundRing;
  private readonly resampler: Resampler;
  private running = true;
  private told = 0;
  private loudest = 0;

  constructor(options: AudioWorkletNodeOptions) {
    super(options);
    const { rate, startMs, mostMs } = options.processorOptions as PlaybackOptions;
    const own = Math.round(sampleRate);
    this.ring = new SoundRing(own, { startMs, mostMs });
    this.resampler = new Resampler(rate, own);
    this.port.onmessage = ({ data }: MessageEvent<ToSpeaker>) => {
      if (data === 'clear') this.ring.clear();
      else if (data === 'end') this.running = false;
      else this.ring.write(this.resampler.push(fromPcm(data)));
    };
  }

  override process(_: Float32Array<ArrayBuffer>[][], outputs: Float32Array<ArrayBuffer>[][]): boolean {
    const [first, ...others] = outputs[0] ?? [];
    if (!first) return this.running;
    this.ring.read(first);
    others.forEach((channel) => channel.set(first));
    this.loudest = Math.max(this.loudest, loudness(first));
    this.told += (first.length / sampleRate) * 1_000;
    if (this.told >= TELL_MS) {
      const heard: Heard = { loudness: this.loudest, ...this.ring.figures() };
      this.port.postMessage(heard);
      this.told = 0;
      this.loudest = 0;
    }
    return this.running;
  }
}

registerProcessor(PLAYBACK, Playback);
