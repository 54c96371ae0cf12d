/**
 * What the player must know of fragmented MP4 (ISO/IEC 14496-12): the track's clock from the initialisation, and of each fragment when
 * its first sample is due and whether decoding can begin with it. Everything else is the browser's business.
 */
export interface Track {
  id: number;
  sound: boolean;
  /** Ticks a second. */
  timescale: number;
}

export interface Fragment {
  /** Media time of its first sample in seconds. */
  at: number;
  keyFrame: boolean;
}

interface Box {
  type: string;
  /** Its content. */
  start: number;
  end: number;
}

function* boxes(view: DataView, start: number, end: number): Generator<Box> {
  for (let at = start; at + 8 <= end; ) {
    let size = view.getUint32(at);
    let head = 8;
    if (size === 1 && at + 16 <= end) {
      size = view.getUint32(at + 8) * 2 ** 32 + view.getUint32(at + 12);
      head = 16;
    } else if (size === 0) size = end - at;
    if (size < head || at + size > end) return;
    const type = String.fromCharCode(view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7));
    yield { type, start: at + head, end: at + size };
    at += size;
  }
}

function child(view: DataView, { start, end }: Box, type: string): Box | null {
  for (const box of boxes(view, start, end)) if (box.type === type) return box;
  return null;
}

const whole = (data: ArrayBuffer): Box => ({ type: '', start: 0, end: data.byteLength });
const fourcc = (view: DataView, at: number): string =>
  String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));

/** Whether the data begins a stream (ftyp or moov) rather than carries it on. */
export function isInitialisation(data: ArrayBuffer): boolean {
  return data.byteLength >= 8 && ['ftyp', 'moov'].includes(fourcc(new DataView(data), 4));
}

/** The first track of pictures or sound in an initialisation; null where there is none, or the data cannot be read. */
export function readTrack(data: ArrayBuffer): Track | null {
  try {
    const view = new DataView(data);
    const moov = child(view, whole(data), 'moov');
    if (!moov) return null;
    for (const trak of boxes(view, moov.start, moov.end)) {
      if (trak.type !== 'trak') continue;
      const head = child(view, trak, 'tkhd');
      const media = child(view, trak, 'mdia');
      const clock = media && child(view, media, 'mdhd');
      const handler = media && child(view, media, 'hdlr');
      if (!head || !clock || !handler) continue;
      const kind = fourcc(view, handler.start + 8);
      if (kind !== 'vide' && kind !== 'soun') continue;
      return {
        sound: kind === 'soun',
        id: view.getUint32(head.start + (view.getUint8(head.start) === 1 ? 20 : 12)),
        timescale: view.getUint32(clock.start + (view.getUint8(clock.start) === 1 ? 20 : 12)),
      };
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}

const NOT_A_KEY = 0x1_0000;

/** The first sample of the track in the fragment; null where it has none, or the data cannot be read. */
export function readFragment(data: ArrayBuffer, track: Track): Fragment | null {
  try {
    const view = new DataView(data);
    for (const moof of boxes(view, 0, data.byteLength)) {
      if (moof.type !== 'moof') continue;
      for (const traf of boxes(view, moof.start, moof.end)) {
        if (traf.type !== 'traf') continue;
        const found = firstSample(view, traf, track);
        if (found) return found;
      }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return null;
}

function firstSample(view: DataView, traf: Box, track: Track): Fragment | null {
  const head = child(view, traf, 'tfhd');
  const time = child(view, traf, 'tfdt');
  const run = child(view, traf, 'trun');
  if (!head || !time || !run || view.getUint32(head.start + 4) !== track.id) return null;
  const ticks = view.getUint8(time.start) === 1 ? view.getUint32(time.start + 4) * 2 ** 32 + view.getUint32(time.start + 8) : view.getUint32(time.start + 4);
  return { at: ticks / track.timescale, keyFrame: track.sound || (sampleFlags(view, head, run) & NOT_A_KEY) === 0 };
}

/** Flags of the first sample: its own, those of the first of the run, or the track's default (8.8.7, 8.8.8). */
function sampleFlags(view: DataView, head: Box, run: Box): number {
  const flags = view.getUint32(run.start) & 0xff_ffff;
  let at = run.start + 8 + (flags & 0x1 ? 4 : 0);
  if (flags & 0x4) return view.getUint32(at);
  if (flags & 0x400) {
    at += (flags & 0x100 ? 4 : 0) + (flags & 0x200 ? 4 : 0);
    return view.getUint32(at);
  }
  const given = view.getUint32(head.start) & 0xff_ffff;
  if (!(given & 0x20)) return 0;
  const before = [[0x1, 8], [0x2, 4], [0x8, 4], [0x10, 4]].reduce((sum, [bit = 0, size = 0]) => sum + (given & bit ? size : 0), 0);
  return view.getUint32(head.start + 8 + before);
}
