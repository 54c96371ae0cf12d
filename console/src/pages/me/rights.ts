/** Words of the kinds and acts of rights, where the whole matrix is not at hand. */
import type { Words } from '@/i18n';
import { say } from '@/i18n';

const word = (zh: string, en: string): Words => ({ zh, en });

const KINDS: Readonly<Record<string, Words>> = {
  vehicle: word('车辆', 'Vehicles'),
  terminal: word('终端', 'Terminals'),
  operator: word('运输企业', 'Operators'),
  organisation: word('机构', 'Organisations'),
  sim: word('SIM 卡', 'SIM cards'),
  model: word('终端型号', 'Terminal models'),
  position: word('位置', 'Positions'),
  track: word('轨迹', 'Tracks'),
  video: word('视频', 'Video'),
  alarm: word('报警', 'Alarms'),
  case: word('处置单', 'Cases'),
  evidence: word('证据', 'Evidence'),
  multimedia: word('照片与录音', 'Pictures and recordings'),
  driver: word('驾驶员', 'Drivers'),
  score: word('评分通报', 'Scores'),
  upkeep: word('安装运维台账', 'Instalment and upkeep'),
  audit: word('审计', 'Audit'),
  talk: word('对讲', 'Talk'),
  listen: word('监听', 'Listening in'),
  broadcast: word('广播', 'Broadcast'),
  session: word('连接会话', 'Sessions'),
  ledger: word('报文台账', 'Frame ledger'),
  gateway: word('网关', 'Gateways'),
  system: word('系统信息', 'System'),
  explanation: word('报文解析', 'Explanations'),
  message: word('存储报文', 'Stored messages'),
  trace: word('报文跟踪', 'Traces'),
  command: word('指令下发', 'Commands'),
  template: word('参数模板', 'Parameter templates'),
  upgrade: word('远程升级', 'Upgrades'),
  area: word('区域与路线', 'Areas and routes'),
  case_policy: word('处置规则', 'Handling policy'),
  roadside: word('路面核查', 'Roadside checks'),
  user: word('账号', 'Accounts'),
  right: word('角色与权限', 'Roles and rights'),
  sign_in: word('登录规则', 'Sign-in rules'),
  grant: word('事由授权', 'Grants on a reason'),
};

const ACTS: Readonly<Record<string, Words>> = {
  read: word('查看', 'read'),
  export: word('导出', 'export'),
  write: word('编辑', 'change'),
  act: word('操作', 'act'),
  approve: word('审批', 'approve'),
  supervise: word('督办', 'supervise'),
  object: word('申诉', 'object'),
};

/** A kind without an entry is shown by its code. */
export const kindWord = (kind: string): string => (KINDS[kind] ? say(KINDS[kind]) : kind);
export const actWord = (act: string): string => (ACTS[act] ? say(ACTS[act]) : act);

/** The order in which people know them: that of the rights table, and reading before changing. */
const place = (words: Readonly<Record<string, Words>>, code: string): number => (words[code] ? Object.keys(words).indexOf(code) : Infinity);
export const inOrder = <T extends { kind: string; act: string }>(rights: readonly T[]): T[] =>
  [...rights].sort((one, other) => place(KINDS, one.kind) - place(KINDS, other.kind) || place(ACTS, one.act) - place(ACTS, other.act));
