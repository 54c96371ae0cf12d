/**
 * H.265 as raw access units (Annex B) through the browser's decoder onto a canvas, for browsers that decode it but do not take it by
 * MSE. One message is one access unit.
 */
import { readAccessUnit } from './protocol';
import type { Sink, SinkEvents, SinkFigures } from './sink';

/** More than this waiting: it goes on with the next key frame instead of lagging. */
const QUEUE_MAX = 12;

export class WebCodecsSink implements Sink {
  private decoder: VideoDecoder | null = null;
  private readonly context: CanvasRenderingContext2D | null;
  private frames = 0;
  private dropped = 0;
  private at: number | null = null;
  private newest: number | null = null;
  private needsKey = true;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly events: SinkEvents,
  ) {
    this.context = canvas.getContext('2d', { alpha: false });
  }

  open(codec: string): void {
    this.needsKey = true;
    if (this.decoder && this.decoder.state !== 'closed') this.decoder.close();
    this.decoder = new VideoDecoder({
      output: (frame) => this.show(frame),
      error: (error) => this.events.failed(error.message),
    });
    this.decoder.configure({ codec, optimizeForLatency: true });
  }

  data(bytes: ArrayBuffer): void {
    const { decoder } = this;
    const unit = readAccessUnit(bytes);
    if (!decoder || decoder.state !== 'configured' || !unit) return;
    const { keyFrame } = unit;
    this.newest = unit.atUs / 1e6;
    if (decoder.decodeQueueSize > QUEUE_MAX) this.needsKey = true;
    if (this.needsKey && !keyFrame) {
      this.dropped += 1;
      return;
    }
    this.needsKey = false;
    decoder.decode(new EncodedVideoChunk({ type: keyFrame ? 'key' : 'delta', timestamp: unit.atUs, data: unit.data }));
  }

  private show(frame: VideoFrame): void {
    const { canvas } = this;
    if (canvas.width !== frame.displayWidth || canvas.height !== frame.displayHeight) {
      canvas.width = frame.displayWidth;
      canvas.height = frame.displayHeight;
    }
    this.context?.drawImage(frame, 0, 0);
    this.at = frame.timestamp / 1e6;
    frame.close();
    this.frames += 1;
    this.events.frame();
  }

  figures(): SinkFigures {
    const { frames, dropped, at, newest, canvas } = this;
    return { frames, dropped, at, newest, width: frames ? canvas.width : 0, height: frames ? canvas.height : 0 };
  }

  close(): void {
    if (this.decoder && this.decoder.state !== 'closed') this.decoder.close();
    this.decoder = null;
    this.context?.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.canvas.width = this.canvas.height = 0;
  }
}
