/** What the codes of the answer mean: each item's name, its reason with the figures in it, and the rule that it rests on. */
import { plateColor, plateColorName } from '@/format/plate';
import { date, dateTime, when } from '@/format/time';
import type { Words } from '@/i18n';
import { locale, say } from '@/i18n';

import type { Answer, Item } from './answers';

type Figures = Readonly<Record<string, unknown>>;
type Reason = (figures: Figures, answer: Answer) => Words;

const words = (zh: string, en: string): Words => ({ zh, en });
const plain = (zh: string, en: string): Reason => () => ({ zh, en });
const number = (figures: Figures, name: string): number => Number(figures[name] ?? 0);
const list = (figures: Figures, name: string): readonly unknown[] => (Array.isArray(figures[name]) ? (figures[name] as unknown[]) : []);
const time = (figures: Figures, answer: Answer): string => when(number(figures, 'at'), answer.as_of);
const hours = (ms: number): Words => (ms < 3_600_000 ? words(`${Math.floor(ms / 60_000)} 分钟`, `${Math.floor(ms / 60_000)} min`) : ms < 172_800_000 ? words(`${Math.floor(ms / 3_600_000)} 小时`, `${Math.floor(ms / 3_600_000)} h`) : words(`${Math.floor(ms / 86_400_000)} 天`, `${Math.floor(ms / 86_400_000)} d`));

const NAMES: Readonly<Record<string, Words>> = {
  scope: words('适用范围', 'Scope of the notice'),
  certificate: words('道路运输证', 'Transport certificate'),
  terminal: words('终端绑定', 'Terminal bound'),
  model: words('终端型号', 'Terminal model'),
  online: words('在线', 'Online'),
  position: words('定位数据', 'Location data'),
  gnss: words('卫星定位模块与天线', 'GNSS module and antenna'),
  power: words('终端电源', 'Terminal power'),
  camera: words('摄像头', 'Cameras'),
  storage: words('存储器', 'Storage'),
  other: words('显示、语音、读卡与车速传感', 'Display, voice, card reader, speed sensor'),
  channels: words('视频通道', 'Video channels'),
  silences: words('近 30 天离线', 'Offline in 30 days'),
  cases: words('未结处置单', 'Open cases'),
  orders: words('督办', 'Supervision orders'),
  deviations: words('报文符合标准', 'Conformity of messages'),
};

const RULES: Readonly<Record<string, Words>> = {
  scope: words('粤交运〔2021〕40 号：半挂牵引车、总质量 12 吨及以上普通货车', 'Notice 粤交运〔2021〕40号: semi-trailer tractors and general freight from 12 t'),
  certificate: words('登记的有效期至当日止；平台未接年审系统', 'By the registered last day; no link to the annual review'),
  terminal: words('粤交运〔2021〕40 号 任务四：每车一台，登记绑定', 'Notice 粤交运〔2021〕40号, task 4: one device a truck, bound in the register'),
  model: words('粤交运〔2021〕40 号 任务三：中标设备目录', 'Notice 粤交运〔2021〕40号, task 3: catalogue of awarded devices'),
  online: words('5 分钟内有数据为在线；末次定位不超过 2 小时（接入验证）', 'Heard within 5 min is online; the latest fix is at most 2 h old (data verification)'),
  position: words('交运发〔2016〕160 号：时间、经纬度须有效；末次定位不超过 2 小时', 'M160: time and place must be valid; the latest fix is at most 2 h old'),
  gnss: words('JT/T 808-2019 表 25 位 4、5、6', 'JT/T 808-2019 table 25, bits 4, 5, 6'),
  power: words('JT/T 808-2019 表 25 位 7、8', 'JT/T 808-2019 table 25, bits 7, 8'),
  camera: words('JT/T 808-2019 表 25 位 11；JT/T 1078 表 14 位 0、1、3', 'JT/T 808-2019 table 25, bit 11; JT/T 1078 table 14, bits 0, 1, 3'),
  storage: words('JT/T 1078 表 14 位 2、附加信息 0x17', 'JT/T 1078 table 14, bit 2, and item 0x17'),
  other: words('JT/T 808-2019 表 25 位 9、10、12、24', 'JT/T 808-2019 table 25, bits 9, 10, 12, 24'),
  channels: words('JT/T 1078 附加信息 0x15、0x16，对照登记或终端上报的通道', 'JT/T 1078 items 0x15, 0x16 against the channels noted or told'),
  silences: words('平台规则（督查规则）：离线超时且期间有移动', 'Platform rule (oversight policy): silent too long and moved meanwhile'),
  cases: words('平台规则（处置规则）：严重报警或超时', 'Platform rule (handling policy): severe or overdue'),
  orders: words('平台规则（督查规则）：督办时限', 'Platform rule (oversight policy): limits of orders'),
  deviations: words('JT/T 808、JT/T 1078 与终端档案；由厂商整改，不计入结论', 'JT/T 808, JT/T 1078 and the terminal profile; for the vendor, not part of the verdict'),
};

const standing: Reason = (figures, answer) => {
  const named = list(figures, 'bits').map((code) => answer.words.find((each) => each.code === code) ?? words(String(code), String(code)));
  const units = list(figures, 'units').map((unit) => (Number(unit) < 12 ? words(`主存储器 ${Number(unit) + 1} 故障`, `Main storage ${Number(unit) + 1} faulty`) : words(`灾备存储 ${Number(unit) - 11} 故障`, `Backup storage ${Number(unit) - 11} faulty`)));
  const every = [...named, ...units];
  const at = time(figures, answer);
  return words(`${every.map((each) => each.zh).join('、')}（${at} 上报）`, `${every.map((each) => each.en).join(', ')} (reported ${at})`);
};
const numbers = (figures: Figures, name: string): string => list(figures, name).join('、');
const outside = plain('不在您的管辖范围，未查询', 'Outside your jurisdiction: not looked up');
const noReport = plain('从未收到定位数据', 'No location was ever received');
const clear: Reason = (f, a) => words(`未报故障（${time(f, a)}）`, `No fault reported (${time(f, a)})`);
const stale: Reason = (f, a) => words(`${time(f, a)} 时未报故障，此后超过 2 小时无数据`, `No fault at ${time(f, a)}; more than 2 h without data since`);
const notTold: Reason = (f, a) => words(`终端不上报此项（${time(f, a)}）`, `The terminal does not report this (${time(f, a)})`);
const DEVICE = { no_report: noReport, standing, clear, stale, not_told: notTold };

const REASONS: Readonly<Record<string, Readonly<Record<string, Reason>>>> = {
  scope: {
    in_notice: plain('属通告范围，应安装', 'Covered by the notice: must be fitted'),
    not_in_notice: plain('登记车型不属通告范围', 'Registered class is not covered by the notice'),
    class_unknown: plain('登记时未填车型，须看行驶证', 'The register has no class: see the vehicle licence'),
    mass_conflict: plain('登记为 12 吨以下，但登记总质量达到 12 吨，须看行驶证', 'Registered below 12 t, but with a mass from 12 t: see the vehicle licence'),
  },
  certificate: {
    valid: (f) => words(`有效期至 ${String(f.to)}`, `Valid to ${String(f.to)}`),
    expired: (f) => words(`已于 ${String(f.to)} 到期`, `Expired on ${String(f.to)}`),
    no_term: plain('已登记证号，未登记有效期', 'Number registered, no term registered'),
    not_entered: plain('未登记，须看证件', 'Not registered: see the certificate'),
  },
  terminal: {
    bound: (f) => (f.at ? words(`${date(number(f, 'at'))} 起绑定`, `Bound since ${date(number(f, 'at'))}`) : words('已绑定', 'Bound')),
    none: plain('属通告范围而未绑定终端', 'Covered by the notice and no terminal is bound'),
    not_needed: plain('未绑定；该车型无安装义务', 'None; this class need not be fitted'),
    none_unclear: plain('未绑定；是否应装须先核对车型', 'None; whether it must be fitted depends on the class'),
  },
  model: {
    catalogued: (f) => words(`${String(f.model)}，目录编号 ${String(f.number ?? '未登记')}`, `${String(f.model)}, catalogue number ${String(f.number ?? 'not entered')}`),
    not_catalogued: (f) => words(`${String(f.model)} 不在中标设备目录`, `${String(f.model)} is not in the catalogue`),
    not_listed: (f) => words(`${String(f.model || '终端未上报型号')}；未与目录型号对应`, `${String(f.model || 'The terminal tells no model')}; tied to no listed model`),
  },
  online: {
    online: (f, a) => words(`在线，最近数据 ${time(f, a)}`, `Online, last data ${time(f, a)}`),
    silent: (f, a) => words(`已 ${hours(number(f, 'ms')).zh}无数据，末次 ${time(f, a)}`, `No data for ${hours(number(f, 'ms')).en}, last ${time(f, a)}`),
    never: plain('绑定后从未上线', 'Bound and never online'),
  },
  position: {
    fixed: (f, a) => words(`末次定位有效，${time(f, a)}`, `Last location valid, ${time(f, a)}`),
    not_fixed: (f, a) => words(`末次未定位（${time(f, a)}），可能有遮挡`, `Last one without a fix (${time(f, a)}), the sky may be covered`),
    impossible: (f, a) => words(`经纬度不可能（${time(f, a)}）`, `Impossible place (${time(f, a)})`),
    time_unreadable: (f, a) => words(`终端时间无法读取（${time(f, a)}）`, `The terminal's time cannot be read (${time(f, a)})`),
    time_future: (f, a) => words(`终端时间超前 10 分钟以上（${time(f, a)}）`, `The terminal's clock is more than 10 min ahead (${time(f, a)})`),
    time_past: (f, a) => words(`终端时间过旧（${time(f, a)}）`, `The terminal's clock is far behind (${time(f, a)})`),
    no_report: noReport,
  },
  gnss: DEVICE,
  power: DEVICE,
  camera: DEVICE,
  storage: DEVICE,
  other: DEVICE,
  channels: {
    ...DEVICE,
    whole: (f, a) => words(`${number(f, 'told')} 路，无丢失、无遮挡（${time(f, a)}）`, `${number(f, 'told')}, none lost, none covered (${time(f, a)})`),
    missing: (f, a) => {
      const [lost, covered] = [numbers(f, 'lost'), numbers(f, 'covered')];
      const told = f.told === null || f.told === undefined ? words('', '') : words(`，共 ${number(f, 'told')} 路`, ` of ${number(f, 'told')}`);
      return words(
        [lost && `通道 ${lost} 无信号`, covered && `通道 ${covered} 被遮挡`].filter(Boolean).join('，') + `${told.zh}（${time(f, a)}）`,
        [lost && `channel ${lost} lost`, covered && `channel ${covered} covered`].filter(Boolean).join(', ') + `${told.en} (${time(f, a)})`,
      );
    },
    not_announced: plain('通道未登记，终端也未上报通道数', 'Channels neither noted nor told by the terminal'),
  },
  silences: {
    moved: (f, a) => words(`离线 ${number(f, 'hours')} 小时，期间移动 ${number(f, 'km')} 公里（${time(f, a)} 起）${number(f, 'count') > 1 ? `；共 ${number(f, 'count')} 次` : ''}`, `Offline ${number(f, 'hours')} h and moved ${number(f, 'km')} km (from ${time(f, a)})${number(f, 'count') > 1 ? `; ${number(f, 'count')} times` : ''}`),
    stood: (f) => words(`${number(f, 'count')} 次，期间没有移动`, `${number(f, 'count')} times, not moved meanwhile`),
    none: plain('没有超时离线', 'None'),
    unplaced: (f) => words(`${number(f, 'count')} 次，缺少前后有效位置，无法判断是否移动`, `${number(f, 'count')} times; places before or after are missing, so it cannot be told whether it moved`),
    no_report: noReport,
  },
  cases: {
    none: plain('没有', 'None'),
    open: (f) => words(`${number(f, 'open')} 件，均在时限内`, `${number(f, 'open')}, all in time`),
    overdue: (f) => words(`${number(f, 'open')} 件，其中超时 ${number(f, 'overdue')} 件`, `${number(f, 'open')}, of them ${number(f, 'overdue')} overdue`),
    severe: (f) => words(`${number(f, 'open')} 件，其中严重 ${number(f, 'severe')} 件、超时 ${number(f, 'overdue')} 件`, `${number(f, 'open')}, of them ${number(f, 'severe')} severe, ${number(f, 'overdue')} overdue`),
    outside,
  },
  orders: {
    none: plain('没有未办结督办', 'No open order'),
    open: (f) => words(`${number(f, 'open')} 件未办结，均在时限内`, `${number(f, 'open')} open, all in time`),
    overdue: (f) => words(`${number(f, 'open')} 件未办结，其中逾期 ${number(f, 'overdue')} 件`, `${number(f, 'open')} open, of them ${number(f, 'overdue')} overdue`),
    outside,
  },
  deviations: {
    none: plain('近 30 天没有偏差', 'No departures in 30 days'),
    found: (f) => {
      const rows = list(f, 'rows') as { clause: string; zh: string; en: string }[];
      return words(
        `近 30 天 ${number(f, 'kinds')} 类 ${number(f, 'count')} 次：${rows.map((row) => `${row.zh}（${row.clause}）`).join('；')}`,
        `${number(f, 'kinds')} kinds, ${number(f, 'count')} times in 30 days: ${rows.map((row) => `${row.en} (${row.clause})`).join('; ')}`,
      );
    },
    no_report: noReport,
  },
};

export const itemName = (code: string): string => say(NAMES[code] ?? words(code, code));
export const itemRule = (code: string): string => say(RULES[code] ?? words('', ''));
export function itemReason(item: Item, answer: Answer): string {
  const reason = REASONS[item.code]?.[item.reason];
  return reason ? say(reason(item.figures, answer)) : item.reason;
}

export const VERDICTS = {
  ok: words('符合', 'Conforms'),
  bad: words('不符合', 'Does not conform'),
  unknown: words('无法判断', 'Cannot be told'),
} as const;

/** As the server has them. */
export const FINDINGS = {
  found: words('设备在位且工作', 'In place and working'),
  not_installed: words('未安装设备', 'Not installed'),
  removed: words('设备已拆除', 'Removed'),
  shielded: words('屏蔽或遮挡', 'Shielded or covered'),
  plate_mismatch: words('号牌或车辆与登记不符', 'Plate or truck mismatch'),
  terminal_dead: words('终端不工作', 'Terminal dead'),
  camera_fault: words('摄像头缺失或损坏', 'Camera missing or broken'),
  other: words('其他', 'Other'),
} as const satisfies Readonly<Record<string, Words>>;
export type Finding = keyof typeof FINDINGS;
export const findingWord = (code: string): string => say(FINDINGS[code as Finding] ?? words(code, code));

/** 黄牌, Yellow. */
export const colorWord = (color: number): string => {
  const name = plateColorName(color, locale.value);
  return locale.value === 'zh' ? (plateColor(color) === 9 ? name : `${name}牌`) : name.charAt(0).toUpperCase() + name.slice(1);
};
export const written = (ms: number): string => dateTime(ms);
export const className = (answer: Answer): string => (answer.vehicle ? (locale.value === 'zh' ? answer.vehicle.class_zh : answer.vehicle.vehicle_class.replace(/_/g, ' ')) : '');
