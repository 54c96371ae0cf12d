/** What binds what, in words; and which former spans a person may enter. */
import type { Words } from '@/i18n';
import { say } from '@/i18n';

import type { NounCode } from './nouns';
import { w } from './nouns';

const SPANS: Readonly<Record<string, Words>> = {
  operator: w('运输企业', 'Operator'),
  monitor: w('第三方监控', 'Monitor'),
  insurer: w('承保机构', 'Insurer'),
  terminal: w('车辆与终端', 'Vehicle and terminal'),
  area: w('辖区', 'Jurisdiction'),
  vendor: w('供应商', 'Vendor'),
  sim: w('SIM 卡与终端', 'SIM card and terminal'),
  employer: w('所属企业', 'Employer'),
};

export function spanWords(what: string): string {
  const words = SPANS[what];
  return words ? say(words) : what;
}

interface Entered {
  what: string;
  words: Words;
  noun: NounCode;
  kinds?: readonly string[];
}

const operating = ['operator', 'sole_trader', 'fleet'];
const span = (what: string, noun: NounCode, kinds?: readonly string[]): Entered => ({ what, words: SPANS[what] ?? w(what, what), noun, kinds });

export const ENTERED: Readonly<Partial<Record<NounCode, readonly Entered[]>>> = {
  vehicles: [
    span('operator', 'organisations', operating),
    span('monitor', 'organisations', ['monitor']),
    span('insurer', 'organisations', ['insurer']),
    span('terminal', 'terminals'),
  ],
  terminals: [span('vendor', 'organisations', ['vendor'])],
  sims: [span('sim', 'terminals')],
  drivers: [span('employer', 'organisations', operating)],
};
