/** The files of a case as the viewer shows them, placed on one axis whose zero is the alarm. */
import { reactive } from 'vue';

import type { EvidenceFile } from '@/api/cases';

import { HALF_MS } from './axis';

export type Kind = 'image' | 'video' | 'audio' | 'other';

export interface Shown {
  file: EvidenceFile;
  kind: Kind;
  /** Milliseconds from the alarm. */
  from: number;
  to: number;
  /** Frames a second of a clip, for stepping. */
  fps: number;
  /** A browser can show it. */
  playable: boolean;
}

/** Pictures follow each other by this, where the terminal has the shipped parameters (T/JSATL 12-2017). */
export const PICTURE_STEP_MS = 200;
/** How long a clip turned out to be once it was loaded, ms by file: a bare stream says nothing of it before. */
export const measured = reactive(new Map<number, number>());
const FPS = 25;
const CLIP_MS = 10_000;
const HEARD = ['audio/wav', 'audio/mpeg', 'audio/aac', 'audio/ogg'];

/** A clip from another time than the axis shows, such as one that was recorded or fetched for the case later: it plays by itself. */
export const apart = ({ kind, from, to }: Shown): boolean => kind === 'video' && (from >= HALF_MS || to <= -HALF_MS);

function kindOf(file: EvidenceFile): Kind {
  const major = file.media_type.split('/')[0];
  if (major === 'image' || major === 'video' || major === 'audio') return major;
  if (file.state === 'complete') return 'other';
  return file.kind === 'picture' ? 'image' : file.kind === 'video' ? 'video' : file.kind === 'audio' ? 'audio' : 'other';
}

/**
 * Each file with its place in time. No file of 0x9208 says when it was taken: pictures stand at the alarm and 200 ms apart, clips lie with
 * their middle at the alarm, as terminals take them unless their parameters were changed. Of merged alarms each has its own files.
 */
export function place(files: readonly EvidenceFile[], alarms: readonly { at: number; identification: string }[] = [], zero = 0): Shown[] {
  const pictures = new Map<string, number>();
  return files.map((file) => {
    const alarm = file.identification ? alarms.find((each) => each.identification === file.identification) : undefined;
    // what a terminal took by itself (0x0801) says when, and names no alarm
    const known = !file.identification && zero ? (file.taken_at ?? null) : null;
    const off = known !== null ? known - zero : alarm ? alarm.at - zero : 0;
    const kind = kindOf(file);
    const done = file.state === 'complete' && file.readable !== false;
    if (kind === 'image' && known !== null) return { file, kind, from: off, to: off, fps: FPS, playable: done };
    if (kind === 'image') {
      const nth = pictures.get(file.identification ?? '') ?? 0;
      pictures.set(file.identification ?? '', nth + 1);
      const from = off + nth * PICTURE_STEP_MS;
      return { file, kind, from, to: from, fps: FPS, playable: done };
    }
    const length = measured.get(file.id) || file.check.duration_ms || CLIP_MS;
    const fps = file.check.frames ? Math.round((file.check.frames * 1000) / length) : FPS;
    // of a clip the server makes a copy that every browser plays; sound goes as it is
    const playable = done && (kind === 'video' || (kind === 'audio' && HEARD.includes(file.media_type)));
    const from = known !== null ? off : off - length / 2; // who says when a clip was taken means its beginning
    return { file, kind, from, to: from + length, fps: Math.min(60, Math.max(1, fps)), playable };
  });
}

/** The picture that is shown at a moment: the last one taken by then, the first before all. */
export function pictureAt(pictures: readonly Shown[], at: number): number {
  let found = 0;
  pictures.forEach((picture, index) => {
    if (picture.from <= at) found = index;
  });
  return found;
}

/** Names a channel: 64 and 65 are the active-safety cameras (T/JSATL 12-2017 table 4-24, written like decimals). */
export function channelKey(channel: number | null): 'none' | 'adas' | 'dsm' | 'number' {
  if (channel === null || channel === 0) return 'none';
  return channel === 64 || channel === 100 ? 'adas' : channel === 65 || channel === 101 ? 'dsm' : 'number';
}
