/** Times on the screen are China Standard Time (UTC+8, no summer time), wherever the browser stands. */
import type { Locale } from '@/i18n';

const CST_MS = 8 * 3_600_000;
const two = (value: number): string => String(value).padStart(2, '0');
const WEEK_ZH = ['日', '一', '二', '三', '四', '五', '六'];
const WEEK_EN = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTH_EN = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** 14:32:05 */
export function clock(ms: number): string {
  const day = new Date(ms + CST_MS);
  return `${two(day.getUTCHours())}:${two(day.getUTCMinutes())}:${two(day.getUTCSeconds())}`;
}

/** 2026-11-20 */
export function date(ms: number): string {
  return new Date(ms + CST_MS).toISOString().slice(0, 10);
}

/** 2026-11-20 14:32:05 */
export function dateTime(ms: number): string {
  return `${date(ms)} ${clock(ms)}`;
}

/** The clock alone on the same day as `now`, else with month and day. */
export function when(ms: number, now: number): string {
  return date(ms) === date(now) ? clock(ms) : `${date(ms).slice(5)} ${clock(ms)}`;
}

/** Milliseconds of a wall time of China Standard Time given as `2026-11-20` and optionally `14:32:05`. */
export function fromWall(day: string, time = '00:00:00'): number {
  return Date.parse(`${day}T${time}+08:00`);
}

/** 11月20日 周五 14:32:05 / Fri 20 Nov 14:32:05 */
export function headClock(ms: number, locale: Locale): string {
  const day = new Date(ms + CST_MS);
  const [month, dayOfMonth, week] = [day.getUTCMonth(), day.getUTCDate(), day.getUTCDay()];
  return locale === 'zh'
    ? `${month + 1}月${dayOfMonth}日 周${WEEK_ZH[week]} ${clock(ms)}`
    : `${WEEK_EN[week]} ${dayOfMonth} ${MONTH_EN[month]} ${clock(ms)}`;
}

/** How long ago: 3 秒前, 41 分前, 2 小时前, 5 天前. */
export function ago(seconds: number, locale: Locale): string {
  const s = Math.max(0, Math.round(seconds));
  const [value, zh, en] =
    s < 60
      ? [s, '秒', 's']
      : s < 3600
        ? [Math.floor(s / 60), '分', 'min']
        : s < 86_400
          ? [Math.floor(s / 3600), '小时', 'h']
          : [Math.floor(s / 86_400), '天', 'd'];
  return locale === 'zh' ? `${value} ${zh}前` : `${value} ${en} ago`;
}

/** A length of time: 1:02:03 or 2:03. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const hours = Math.floor(s / 3600);
  const rest = `${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  return hours ? `${hours}:${rest}` : rest.replace(/^0/, '');
}
