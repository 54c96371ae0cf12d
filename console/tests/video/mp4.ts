/** Fragmented MP4 put together box by box as ISO/IEC 14496-12 describes it. */
type Part = number[] | Uint8Array;

export const u32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
export const u64 = (value: number): number[] => [...u32(Math.floor(value / 2 ** 32)), ...u32(value % 2 ** 32)];
const letters = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));

export function box(type: string, ...parts: Part[]): number[] {
  const content = parts.flatMap((part) => [...part]);
  return [...u32(content.length + 8), ...letters(type), ...content];
}

export const full = (type: string, version: number, flags: number, ...parts: Part[]): number[] =>
  box(type, [version, (flags >>> 16) & 255, (flags >>> 8) & 255, flags & 255], ...parts);

export const buffer = (bytes: number[]): ArrayBuffer => new Uint8Array(bytes).buffer;

export function trak(id: number, handler: string, timescale: number, version = 0): number[] {
  const times = version === 1 ? [...u64(0), ...u64(0)] : [...u32(0), ...u32(0)];
  return box(
    'trak',
    full('tkhd', version, 7, times, u32(id), u32(0)),
    box('mdia', full('mdhd', version, 0, times, u32(timescale), u32(0)), full('hdlr', 0, 0, u32(0), letters(handler), u32(0))),
  );
}

export const initialisation = (...traks: number[][]): ArrayBuffer => buffer([...box('ftyp', letters('isom'), u32(0)), ...box('moov', ...traks)]);

export function fragment(id: number, ticks: number, how: { first?: number; each?: number; standard?: number; version?: number } = {}): ArrayBuffer {
  const head = how.standard === undefined ? full('tfhd', 0, 0x020000, u32(id)) : full('tfhd', 0, 0x020028, u32(id), u32(40), u32(how.standard));
  const time = how.version === 0 ? full('tfdt', 0, 0, u32(ticks)) : full('tfdt', 1, 0, u64(ticks));
  const run =
    how.first !== undefined
      ? full('trun', 0, 0x000205, u32(1), u32(100), u32(how.first), u32(1000))
      : how.each !== undefined
        ? full('trun', 0, 0x000701, u32(1), u32(100), u32(40), u32(1000), u32(how.each))
        : full('trun', 0, 0x000201, u32(1), u32(100), u32(1000));
  return buffer([...box('moof', full('mfhd', 0, 0, u32(1)), box('traf', head, time, run)), ...box('mdat', [1, 2, 3])]);
}
