/** Files that are being added to an order or an answer: chosen, uploaded, checked by the server. Pure. */
import type { OrderFile } from '@/api/oversight';

/** As the server has it: files of one act, bytes of one file. */
export const MOST = 6;
export const LARGEST = 20 << 20;
export const ACCEPT = 'image/jpeg,image/png,image/gif,image/webp,image/bmp,image/tiff,video/mp4,video/quicktime,video/x-msvideo,audio/*,.pdf,.docx,.xlsx';

export interface Attached {
  key: number;
  name: string;
  size: number;
  /** There once the server has taken it. */
  file: OrderFile | null;
  fault: string;
}

/** Nothing is on its way, and nothing was refused. */
export const isReady = (files: readonly Attached[]): boolean => files.every((each) => each.file !== null);

/** What of a choice may still be added. */
export function fitting<T extends { size: number }>(chosen: readonly T[], held: number): { taken: T[]; tooMany: boolean } {
  const room = Math.max(0, MOST - held);
  return { taken: chosen.slice(0, room), tooMany: chosen.length > room };
}
