/** Entering a plate with large keys: which characters may come next, and the colour that a plate must have. Pure. */
export const PROVINCES = [...'粤桂湘赣闽琼京津冀晋蒙辽吉黑沪苏浙皖鲁豫鄂渝川贵云藏陕甘青宁新'];
const LETTERS = [...'ABCDEFGHJKLMNPQRSTUVWXYZ'];
const DIGITS = [...'1234567890'];
/** Words that a plate may end with (GA 36-2018). */
const ENDS = [...'挂学警港澳'];
/** Forty keys: eight a row are as wide as a thumb in a glove at 390 px. I and O are on no plate. */
export const KEYS = [...DIGITS, ...LETTERS, ...ENDS];

export const [BLUE, YELLOW, BLACK, WHITE, GREEN, YELLOW_GREEN, FADING_GREEN] = [1, 2, 3, 4, 5, 93, 94];
const GREENS = [GREEN, YELLOW_GREEN, FADING_GREEN];
export const LONGEST = 8;

/** As plates are compared: no blanks or dots, capitals, half width. */
export function plain(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\s·•.．\-—_]/g, '')
    .toUpperCase()
    .slice(0, LONGEST);
}

/** Whether the key may follow what stands there. */
export function fits(plate: string, key: string): boolean {
  const at = plate.length;
  if (at >= LONGEST || ENDS.includes(plate.at(-1) ?? '')) return false;
  if (at === 0) return PROVINCES.includes(key);
  if (at === 1) return LETTERS.includes(key);
  return ENDS.includes(key) ? at === 6 : LETTERS.includes(key) || DIGITS.includes(key);
}

/** Seven characters, or eight of new energy: the letter third (small) or last (large). */
export function isWhole(plate: string): boolean {
  if (!PROVINCES.includes(plate[0] ?? '') || !LETTERS.includes(plate[1] ?? '')) return false;
  return plate.length === 7 || /^..(?:[A-HJ-NP-Z][A-HJ-NP-Z0-9]\d{4}|\d{5}[A-HJ-NP-Z])$/.test(plate);
}

/** The colour that fits: what the plate's own form fixes, else the chosen one. */
export function colorFor(plate: string, chosen: number): number {
  if (plate.length === LONGEST) {
    if (GREENS.includes(chosen)) return chosen;
    return /^..\d{5}[A-Z]$/.test(plate) ? YELLOW_GREEN : FADING_GREEN;
  }
  const fixed: Record<string, number> = { 挂: YELLOW, 学: YELLOW, 警: WHITE, 港: BLACK, 澳: BLACK };
  const end = fixed[plate[6] ?? ''];
  if (end !== undefined) return end;
  return plate.length === 7 && GREENS.includes(chosen) ? YELLOW : chosen;
}
