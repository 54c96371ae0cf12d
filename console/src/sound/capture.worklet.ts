/** The microphone's side: one channel, in the rate and the blocks that the line wants. */
import { Blocks } from './blocks';
import { loudness, toPcm } from './pcm';
import { Resampler } from './resampler';
import { CAPTURE } from './worklets';
import type { Block, CaptureOptions } from './worklets';

class Capture extends AudioWorkletProcessor {
  private readonly resampler: Resampler;
  private readonly blocks: Blocks;
  private running = true;

  constructor(options: AudioWorkletNodeOptions) {
    super(options);
    const { rate, length } = options.processorOptions as CaptureOptions;
    this.resampler = new Resampler(Math.round(sampleRate), rate);
    this.blocks = new Blocks(length);
    this.port.onmessage = () => (this.running = false);
  }

  override process(inputs: Float32Array<ArrayBuffer>[][]): boolean {
    const channels = inputs[0] ?? [];
    const first = channels[0];
    if (!first) return this.running;
    const mono = channels.length > 1 ? first.map((_, place) => channels.reduce((sum, channel) => sum + channel[place]!, 0) / channels.length) : first.slice();
    for (const samples of this.blocks.push(this.resampler.push(mono))) {
      const block: Block = { pcm: toPcm(samples), loudness: loudness(samples) };
      this.port.postMessage(block, [block.pcm]);
    }
    return this.running;
  }
}

registerProcessor(CAPTURE, Capture);
