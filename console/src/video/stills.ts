/** Single pictures, where the browser cannot decode the stream: one message is one JPEG, drawn onto a canvas. */
import type { Sink, SinkEvents, SinkFigures } from './sink';

export class StillsSink implements Sink {
  private readonly context: CanvasRenderingContext2D | null;
  private frames = 0;
  private dropped = 0;
  private busy = false;
  private waiting: ArrayBuffer | null = null;
  private closed = false;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly events: SinkEvents,
  ) {
    this.context = canvas.getContext('2d', { alpha: false });
  }

  open(): void {
    this.waiting = null;
  }

  data(bytes: ArrayBuffer): void {
    if (this.busy) {
      if (this.waiting) this.dropped += 1;
      this.waiting = bytes;
    } else void this.show(bytes);
  }

  private async show(bytes: ArrayBuffer): Promise<void> {
    this.busy = true;
    try {
      const picture = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
      if (this.closed) return picture.close();
      this.canvas.width = picture.width;
      this.canvas.height = picture.height;
      this.context?.drawImage(picture, 0, 0);
      picture.close();
      this.frames += 1;
      this.events.frame();
    } catch (error) {
      if (!this.closed) this.events.failed(String(error));
    } finally {
      this.busy = false;
    }
    const next = this.waiting;
    this.waiting = null;
    if (next && !this.closed) void this.show(next);
  }

  figures(): SinkFigures {
    const { frames, dropped, canvas } = this;
    return { frames, dropped, at: null, newest: null, width: frames ? canvas.width : 0, height: frames ? canvas.height : 0 };
  }

  close(): void {
    this.closed = true;
    this.waiting = null;
    this.context?.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.canvas.width = this.canvas.height = 0;
  }
}
