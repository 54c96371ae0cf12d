import type { Locale } from '@/i18n';

const ZH = ['北', '东北', '东', '东南', '南', '西南', '西', '西北'];
const EN = ['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'];

/** Degrees clockwise from north to one of eight words. */
export function directionName(deg: number, locale: Locale): string {
  const index = Math.round((((deg % 360) + 360) % 360) / 45) % 8;
  return (locale === 'zh' ? ZH : EN)[index] as string;
}
