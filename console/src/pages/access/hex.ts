/** Hexadecimal text for people: bytes in pairs, sixteen to a line. */

/** The gateway keeps at most so many bytes of a frame. */
export const EXAMPLE_MAX = 2200;

export function hexLines(hex: string): { offset: string; bytes: string }[] {
  const lines: { offset: string; bytes: string }[] = [];
  for (let i = 0; i < hex.length; i += 32) {
    const pairs =
      hex
        .slice(i, i + 32)
        .toUpperCase()
        .match(/.{1,2}/g) ?? [];
    lines.push({ offset: (i / 2).toString(16).padStart(4, '0').toUpperCase(), bytes: pairs.join(' ') });
  }
  return lines;
}

export function explainCommand(hex: string): string {
  return `luwei explain ${hex.toUpperCase()}`;
}
