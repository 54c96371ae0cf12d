/** Acts and nouns of the audit log in words: `vehicle.change` is the noun and what was done to it. */
import { locale } from '@/i18n';
import { kindWord } from '@/pages/me/rights';

const VERBS: Readonly<Record<string, readonly [zh: string, en: string]>> = {
  create: ['新建', 'created'],
  created: ['新建', 'created'],
  change: ['修改', 'changed'],
  changed: ['修改', 'changed'],
  look: ['查看', 'looked at'],
  leave: ['结束查看', 'looked no more at'],
  snapshot: ['抓拍', 'snapshot of'],
  close: ['停止', 'closed'],
  record: ['录像取证', 'recorded'],
  record_stop: ['停止录像', 'recording stopped'],
  record_end: ['录像结束', 'recording ended'],
  records: ['查看取证录像', 'recordings listed'],
  recordings: ['查询终端录像', 'terminal asked for recordings'],
  download: ['下载终端录像', 'download ordered'],
  download_pause: ['暂停下载', 'download paused'],
  download_continue: ['继续下载', 'download went on'],
  download_cancel: ['取消下载', 'download cancelled'],
  download_end: ['下载结束', 'download ended'],
  downloads: ['查看下载', 'downloads listed'],
  ptz: ['云台控制', 'camera turned'],
  photo: ['拍照', 'pictures taken'],
  film: ['录像', 'film taken'],
  upload_media: ['调取终端多媒体', 'stored pictures fetched'],
  upload_media_item: ['调取终端多媒体', 'stored pictures fetched'],
  listen_in: ['监听', 'listened in'],
  record_audio: ['录音', 'sound recorded'],
  save: ['保存', 'saved'],
  export: ['导出', 'exported'],
  import: ['导入', 'imported'],
  merge: ['合并', 'merged'],
  merged: ['并入另一条', 'went into another'],
  unmerge: ['撤销合并', 'merge undone'],
  bind: ['补录归属', 'span entered'],
  equip: ['修改通道与外设', 'equipment changed'],
  disable: ['停用', 'disabled'],
  enable: ['启用', 'enabled'],
  remove: ['删除', 'removed'],
  revoke: ['吊销', 'revoked'],
  end: ['结束', 'ended'],
  request: ['申请', 'requested'],
  approve: ['批准', 'approved'],
  refuse: ['拒绝', 'refused'],
  refused: ['被拒', 'refused'],
  verify: ['校验', 'verified'],
  send: ['下发', 'sent'],
  cancel: ['取消', 'cancelled'],
  register: ['注册', 'registered'],
  succeeded: ['成功', 'succeeded'],
  failed: ['失败', 'failed'],
  confirm: ['确认', 'confirmed'],
  enrol: ['启用', 'enrolled'],
  proved: ['确认身份', 'proved'],
  link: ['关联', 'linked'],
  unlink: ['取消关联', 'unlinked'],
  reset: ['重置', 'reset'],
  accepted: ['成功', 'accepted'],
  signed_out: ['被远程退出', 'signed out from afar'],
  list: ['查看列表', 'listed'],
  find: ['按姓名查找', 'looked up by name'],
  watch: ['实时查看', 'watched live'],
  view: ['查看', 'viewed'],
  ask: ['调取', 'asked for'],
  apply: ['导入', 'imported'],
  change_password: ['修改密码', 'password changed'],
  reset_password: ['重置密码', 'password reset'],
  totp_enrol: ['启用动态口令', 'one-time codes on'],
  totp_recovery: ['换发恢复码', 'recovery codes renewed'],
  totp_remove: ['停用动态口令', 'one-time codes off'],
  begin: ['开始', 'begun'],
  start: ['开始', 'started'],
  stop: ['停止', 'stopped'],
  stage: ['推进一批', 'next stage'],
  pause: ['暂停', 'paused'],
  resume: ['继续', 'resumed'],
  delete: ['删除', 'deleted'],
  upload: ['上传', 'uploaded'],
  retire: ['下架', 'retired'],
  revise: ['新版本', 'revised'],
  profile: ['指定方言', 'profile set'],
  issue: ['发出', 'issued'],
  answer: ['应答', 'answered'],
  answered: ['回复', 'answered'],
  extended: ['延期', 'extended'],
  returned: ['退回', 'returned'],
  closed: ['审核通过', 'accepted'],
  dismiss: ['不予督办', 'dismissed'],
  proposals: ['查看建议', 'proposals listed'],
  proposal: ['查看建议', 'proposal looked at'],
  open: ['打开', 'opened'],
};

const NOUNS: Readonly<Record<string, readonly [zh: string, en: string]>> = {
  login: ['登录', 'Login'],
  logout: ['退出', 'Logout'],
  password: ['密码', 'Password'],
  totp: ['动态口令', 'One-time codes'],
  token: ['接口令牌', 'Token'],
  role: ['角色', 'Role'],
  rights: ['权限', 'Rights'],
  import: ['导入', 'Import'],
  parameter_template: ['参数模板', 'Parameter template'],
  template_push: ['参数下发', 'Parameter push'],
  upgrade: ['远程升级', 'Upgrade'],
  firmware: ['固件', 'Firmware'],
  area: ['区域路线', 'Area or route'],
  deviation: ['方言偏差', 'Profile deviations'],
  terminal_model: ['终端型号', 'Terminal model'],
  card: ['车辆卡片', 'Vehicle card'],
  job: ['后台导入', 'Import'],
  supervision_order: ['督办', 'Supervision order'],
  supervision_file: ['督办附件', 'File of an order'],
  post_check: ['查岗', 'Post check'],
  check_question: ['查岗题目', 'Question of post checks'],
};

const word = (words: readonly [string, string]): string => words[locale.value === 'zh' ? 0 : 1];

export function nounName(noun: string): string {
  const known = NOUNS[noun];
  return known ? word(known) : kindWord(noun);
}

/** What was done, e.g. 车辆 · 修改; words without an entry stay as they are logged. */
export function actName(act: string): string {
  const [noun = '', verb = ''] = act.split('.');
  const known = VERBS[verb];
  return [nounName(noun), known ? word(known) : verb].filter(Boolean).join(' · ');
}

const RESULTS: Readonly<Record<string, readonly [zh: string, en: string]>> = {
  done: ['完成', 'done'],
  refused: ['拒绝', 'refused'],
  failed: ['失败', 'failed'],
};

export function resultName(result: string): string {
  const known = RESULTS[result];
  return known ? word(known) : result;
}
