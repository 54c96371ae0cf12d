/**
 * The ledger's reasons in words: name, what it means, what to do. Codes come from the protocol's errors, the frame's quirks
 * and the gateway; one that is not listed here is shown as it is.
 */
import type { Locale } from '@/i18n';

import { REASONS_EN } from './reasons.en';
import { REASONS_ZH } from './reasons.zh';

export interface Reason {
  name: string;
  meaning: string;
  advice: string;
}

/** The reason in the chosen language, or null for a code without an explanation. */
export function reasonOf(code: string, locale: Locale): Reason | null {
  const [name, meaning, advice] = (locale === 'zh' ? REASONS_ZH : REASONS_EN)[code] ?? [];
  return name === undefined ? null : { name, meaning: meaning ?? '', advice: advice ?? '' };
}

export function reasonName(code: string, locale: Locale): string {
  return reasonOf(code, locale)?.name ?? code;
}

/** Why a session ended, as the gateway writes it, in Chinese; in English the gateway's own words are kept. */
const CLOSED_ZH: Record<string, string> = {
  idle: '超时无数据',
  'taken over': '同一终端重新连接',
  'closed by terminal': '终端断开',
  reset: '连接被重置',
  'refused too often': '多次被拒',
  'not authenticated in time': '未按时鉴权',
  'does not read its answers': '终端不读应答',
  'internal error': '网关内部错误',
  'gateway stopped': '网关停止',
  gateway_lost: '网关失去联系',
};

export function closedReason(text: string, locale: Locale): string {
  if (locale === 'zh') return CLOSED_ZH[text] ?? text;
  return text === 'gateway_lost' ? 'gateway not heard of' : text;
}
