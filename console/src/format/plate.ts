import type { Locale } from '@/i18n';

/** Plate colours by code: JT/T 415-2006 §5.4.12; 5 and the nineties after JT/T 697.7-2014. */
export const PLATE_COLORS: Readonly<Record<number, readonly [zh: string, en: string]>> = {
  1: ['蓝', 'blue'],
  2: ['黄', 'yellow'],
  3: ['黑', 'black'],
  4: ['白', 'white'],
  5: ['绿', 'green'],
  9: ['其他', 'other'],
  91: ['农黄', 'farm yellow'],
  92: ['农绿', 'farm green'],
  93: ['黄绿', 'yellow-green'],
  94: ['渐变绿', 'fading green'],
};

export function plateColor(color: number): number {
  return color in PLATE_COLORS ? color : 9;
}

export function plateColorName(color: number, locale: Locale): string {
  const names = PLATE_COLORS[plateColor(color)] as readonly [string, string];
  return locale === 'zh' ? names[0] : names[1];
}

/** 粤BD7K92 is shown as 粤B·D7K92: the dot stands after the authority's letter. Anything else stays as it is. */
export function plateText(plate: string): string {
  return /^[\u4e00-\u9fa5][A-Z][^·]/.test(plate) ? `${plate.slice(0, 2)}·${plate.slice(2)}` : plate;
}

/** The plate cut at the match of a search fragment: before, match, after. The dot may lie inside the match. */
export function plateMatch(plate: string, fragment: string): [string, string, string] {
  const shown = plateText(plate);
  const wanted = fragment.replace(/[·\s]/g, '').toUpperCase();
  const plain = plate.toUpperCase().replace(/[·\s]/g, '');
  const start = wanted ? plain.indexOf(wanted) : -1;
  if (start < 0) return [shown, '', ''];
  const dot = shown.indexOf('·');
  const place = (index: number): number => (dot >= 0 && index > dot ? index + 1 : index);
  const [from, to] = [dot >= 0 && start >= dot ? start + 1 : start, place(start + wanted.length)];
  return [shown.slice(0, from), shown.slice(from, to), shown.slice(to)];
}
