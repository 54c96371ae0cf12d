/**
 * Fragmented MP4 into a media element by Media Source Extensions. What arrives waits in a short queue while the browser takes in what
 * came before; too much of it is passed over up to the newest key frame. The position follows the newest data (`buffer.ts`).
 *
 * A new description (another codec, another size) goes on in the same source where its time goes on; another time line begins on a
 * new source, and the old picture stays on the screen until then.
 */
import { advise, JUMP_PAUSE_S, passOver, trimTo } from './buffer';
import type { Span } from './buffer';
import { isInitialisation, readFragment, readTrack } from './fragment';
import type { Track } from './fragment';
import type { Sink, SinkEvents, SinkFigures } from './sink';

interface Item {
  data: ArrayBuffer;
  bytes: number;
  keyFrame: boolean;
  at: number | null;
  /** Set where a new description begins with it. */
  mime: string;
}

interface Description {
  data: ArrayBuffer;
  mime: string;
  track: Track | null;
}

const TICK_MS = 200;
/** Time may step back by as much, and forward by as much, on one time line; seconds. */
const BACK_S = 1;
const FORWARD_S = 10;
const KEYS_MAX = 400;

type SourceKind = typeof MediaSource;

/** The browser's media source; on telephones of one maker it has another name. */
export function sourceKind(): SourceKind | null {
  const scope = globalThis as { MediaSource?: SourceKind; ManagedMediaSource?: SourceKind };
  return scope.MediaSource ?? scope.ManagedMediaSource ?? null;
}

/** Whether a fragment that begins at `at` goes on where the newest one, at `newest`, stood. */
export function goesOn(newest: number | null, at: number | null): boolean {
  return newest !== null && at !== null && at > newest - BACK_S && at < newest + FORWARD_S;
}

export class MseSink implements Sink {
  private source: MediaSource | null = null;
  private buffer: SourceBuffer | null = null;
  private address = '';
  private mime = '';
  /** The mime of the next description, the description that awaits its first fragment, and the one in force. */
  private announced = '';
  private next: Description | null = null;
  private current: Description | null = null;
  private queue: Item[] = [];
  private keys: number[] = [];
  private newest: number | null = null;
  private jumpedAt = -Infinity;
  private reported = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private closed = false;

  constructor(
    private readonly element: HTMLMediaElement,
    private readonly events: SinkEvents,
  ) {
    element.disableRemotePlayback = true;
    element.addEventListener('error', this.broken);
  }

  open(mime: string): void {
    if (!sourceKind()?.isTypeSupported(mime)) return this.events.failed(mime);
    this.announced = mime;
    this.timer ??= setInterval(() => this.tick(), TICK_MS);
  }

  data(data: ArrayBuffer): void {
    if (this.closed || !this.announced) return;
    if (isInitialisation(data)) {
      this.next = { data, mime: this.announced, track: readTrack(data) };
      return;
    }
    const track = (this.next ?? this.current)?.track;
    const fragment = track ? readFragment(data, track) : null;
    const at = fragment?.at ?? null;
    if (this.next || (at !== null && !goesOn(this.newest, at))) this.begin(at);
    if (at !== null) this.newest = at;
    this.queue.push({ data, bytes: data.byteLength, keyFrame: fragment?.keyFrame ?? false, at, mime: '' });
    this.thin();
    this.pump();
  }

  /** The description that is due goes first, on a new source unless time goes on. */
  private begin(at: number | null): void {
    const due = this.next ?? this.current;
    this.next = null;
    this.current = due;
    if (!due) return;
    if (!this.source || !goesOn(this.newest, at)) this.renew(due.mime);
    this.queue.push({ data: due.data, bytes: due.data.byteLength, keyFrame: false, at: null, mime: due.mime });
  }

  /** What waits too long is passed over; the newest description among it stays. */
  private thin(): void {
    const over = passOver(this.queue);
    if (over) this.queue = [...this.queue.slice(0, over).filter((item) => item.mime).slice(-1), ...this.queue.slice(over)];
  }

  private renew(mime: string): void {
    const Kind = sourceKind();
    if (!Kind) return;
    this.release();
    this.mime = mime;
    this.queue = [];
    this.keys = [];
    const source = (this.source = new Kind());
    this.address = URL.createObjectURL(source);
    source.addEventListener('sourceopen', () => {
      if (this.source !== source || this.buffer) return;
      try {
        this.buffer = source.addSourceBuffer(this.mime);
      } catch (error) {
        return this.events.failed(String(error));
      }
      this.buffer.mode = 'segments';
      this.buffer.addEventListener('updateend', () => this.pump());
      this.pump();
    });
    this.element.src = this.address;
  }

  private readonly broken = (): void => {
    const { error } = this.element;
    if (!this.closed && error) this.events.failed(error.message || `media error ${error.code}`);
  };

  private pump(): void {
    const { buffer, source } = this;
    if (!buffer || source?.readyState !== 'open' || buffer.updating) return;
    const cut = trimTo(this.element.currentTime, this.spans(), this.keys);
    try {
      if (cut !== null) {
        this.keys = this.keys.filter((key) => key >= cut);
        buffer.remove(0, cut);
        return;
      }
      const item = this.queue.shift();
      if (item) this.append(buffer, item);
    } catch (error) {
      // a buffer that is full begins anew: nothing of what is older is wanted
      if (error instanceof DOMException && error.name === 'QuotaExceededError') {
        this.newest = null;
        this.begin(null);
      } else this.events.failed(String(error));
    }
    this.follow();
  }

  private append(buffer: SourceBuffer, item: Item): void {
    if (item.mime && item.mime !== this.mime) {
      buffer.changeType(item.mime);
      this.mime = item.mime;
    }
    buffer.appendBuffer(item.data);
    if (item.keyFrame && item.at !== null) this.keys = [...this.keys.slice(1 - KEYS_MAX), item.at];
  }

  private spans(): Span[] {
    const ranges = this.buffer && this.source?.readyState === 'open' ? this.buffer.buffered : null;
    return ranges ? Array.from({ length: ranges.length }, (_, place) => [ranges.start(place), ranges.end(place)] as const) : [];
  }

  private follow(): void {
    const { element } = this;
    const spans = this.spans();
    const now = performance.now() / 1000;
    const { seek, rate } = advise({
      at: element.currentTime, spans, rate: element.playbackRate, seeking: element.seeking,
      sinceJump: Math.min(now - this.jumpedAt, JUMP_PAUSE_S),
    });
    if (seek !== null) {
      this.jumpedAt = now;
      element.currentTime = seek;
    }
    if (element.playbackRate !== rate) element.playbackRate = rate;
    // sound may not begin by itself in every browser: it does with the next press of a key or button
    if (element.paused && spans.length) void element.play().catch(() => undefined);
  }

  private tick(): void {
    const { frames } = this.figures();
    if (frames > this.reported) this.events.frame();
    this.reported = frames;
    this.pump();
    this.follow();
  }

  figures(): SinkFigures {
    const { element } = this;
    const picture = element instanceof HTMLVideoElement ? element : null;
    const quality = picture?.getVideoPlaybackQuality();
    return {
      frames: quality?.totalVideoFrames ?? 0, dropped: quality?.droppedVideoFrames ?? 0,
      width: picture?.videoWidth ?? 0, height: picture?.videoHeight ?? 0,
      at: this.source ? element.currentTime : null, newest: this.spans().at(-1)?.[1] ?? null,
    };
  }

  private release(): void {
    this.buffer = null;
    this.source = null;
    this.reported = 0;
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = '';
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    this.element.removeEventListener('error', this.broken);
    this.release();
    this.queue = [];
    this.element.removeAttribute('src');
    this.element.load();
  }
}
