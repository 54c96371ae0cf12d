/** The server's rules in the reader's language. A rule without an entry is shown as the server says it. */
import { locale, say } from '@/i18n';
import type { Words } from '@/i18n';

import { ApiError } from './client';

/** Refusals that are a code and no sentence. */
const CODES: Readonly<Record<string, Words>> = {
  unreachable: { zh: '服务器没有应答，请检查网络后重试', en: 'The server does not answer. Check the network and try again' },
  unreadable: { zh: '服务器的应答无法读取，请重试', en: 'The answer of the server cannot be read. Try again' },
  internal: { zh: '服务器出错，请稍后重试；原因已记入服务器日志', en: 'The server failed. Try again later; the cause is in its log' },
  not_found: { zh: '没有此记录，或不在您的辖区内', en: 'There is no such record, or it lies outside your jurisdiction' },
  forbidden: { zh: '您的角色或辖区不包含此操作', en: 'Your role or jurisdiction does not include this' },
  reason_required: { zh: '需先填写事由', en: 'A reason must be recorded first' },
  reauthenticate: { zh: '需先验证身份', en: 'Prove who you are first' },
  others: { zh: '由其他机构发起：由该机构或其上级结束', en: 'Another organisation began it: it ends it, or who supervises it' },
  of_case: { zh: '属于处置单：由发起人或其上级主管部门结束', en: 'It belongs to a case: who began it ends it, or an authority above' },
  not_held: { zh: '该时段内此车不全在您的管辖之下', en: 'The truck did not lie within your reach for all of that time' },
  one_time_password_over: { zh: '一次性密码已过期，请联系本单位管理员重新发放', en: 'The one-time password was not used in time. Ask the administrator of your body for another' },
  too_many_attempts: { zh: '尝试次数过多，请稍后再试', en: 'Too many attempts. Wait a little' },
  too_large: { zh: '内容过大', en: 'It is too large' },
  body_too_large: { zh: '内容过大', en: 'It is too large' },
  history_unavailable: { zh: '历史库暂不可用，请稍后重试', en: 'The history is away. Try again later' },
  history_busy: { zh: '历史库繁忙，请稍后重试', en: 'The history is busy. Try again later' },
  evidence_unavailable: { zh: '证据库暂不可用，请稍后重试', en: 'The evidence store is away. Try again later' },
  commands_unavailable: { zh: '指令服务暂不可用，请稍后重试', en: 'The commands are away. Try again later' },
  oversight_unavailable: { zh: '监督服务暂不可用，请稍后重试', en: 'Oversight is away. Try again later' },
};

const RULES: readonly (readonly [RegExp, string])[] = [
  [/^must be given$/, '必填'],
  [/^must not be empty$/, '不能为空'],
  [/^must have at most (\d+) characters$/, '最多 $1 个字符'],
  [/^must be a whole number from (-?\d+) to (\d+)$/, '应为 $1 至 $2 的整数'],
  [/^must not contain control characters$/, '不能含控制字符'],
  [/^must be one of (.+)$/, '应为以下之一：$1'],
  [/^must be a day such as 2026-01-31$/, '应为日期，如 2026-01-31'],
  [/^must not lie before \w+$/, '不能早于起始日期'],
  [/^must be ASCII letters, digits and signs without blanks$/, '只能含英文字母、数字和符号，不含空格'],
  [/^must be letters, digits, hyphens and Chinese characters$/, '只能含字母、数字、连字符和汉字'],
  [/^must be the id of a row$/, '请从列表中选择'],
  [/^there is no such (.+)$/, '没有此记录，或不在您的辖区内'],
  [/^this organisation is disabled$/, '该机构已停用'],
  [/^must lie within your own jurisdiction$/, '应在您的辖区内'],
  [/^is closed: nobody there could answer$/, '已停用或不在有效期内，无人可答复'],
  [/^must begin with the character of a province.*$/, '应以省份简称开头，如 粤'],
  [/^must have 7 characters, or 8 for new energy$/, '车牌应为 7 位，新能源 8 位'],
  [/^must be province, letter, five letters or digits without I and O$/, '应为省份简称、字母和 5 位字母或数字（不含 I、O）'],
  [/^eight characters are a new-energy plate.*$/, '8 位为新能源车牌，颜色应为绿、黄绿或渐变绿'],
  [/^a new-energy plate has its letter third.*$/, '新能源车牌的字母应在第三位（小型）或末位（大型）'],
  [/^a new-energy plate has 8 characters$/, '新能源车牌应为 8 位'],
  [/^a plate that ends with (.) is (.+)$/, '以“$1”结尾的车牌颜色应为 $2'],
  [/^粤Z is for plates that end with 港 or 澳, and they for it$/, '粤Z 车牌须以“港”或“澳”结尾，反之亦然'],
  [/^must have 17 characters$/, '应为 17 位'],
  [/^must be letters and digits without I, O and Q$/, '只能含字母和数字（不含 I、O、Q）'],
  [/^check digit \(ninth character\) must be (.);.*$/, '第 9 位校验位应为 $1；实车确为此 VIN 时请勾选“已核对实车 VIN”'],
  [/^must fit the class: (.+)$/, '与车辆类别“$1”不符'],
  [/^must be 1 to 20 digits$/, '应为 1 至 20 位数字'],
  [/^must be a telephone number of 5 to 20 digits$/, '应为 5 至 20 位的电话号码'],
  [/^must be 18 capitals and digits without I, O, S, V and Z$/, '应为 18 位大写字母和数字（不含 I、O、S、V、Z）'],
  [/^check character \(the last\) must be (.)$/, '末位校验码应为 $1'],
  [/^check character \(the last\) is wrong$/, '末位校验码不正确'],
  [/^check digit \(the last of 19\) is wrong$/, '第 19 位校验位不正确'],
  [/^must be 17 digits and a digit or X$/, '应为 17 位数字加 1 位数字或 X'],
  [/^must hold a date of birth in places 7 to 14$/, '第 7 至 14 位应为出生日期'],
  [/^must be 19 or 20 characters that begin with 89$/, '应为 19 或 20 位，以 89 开头'],
  [/^must be 11 or 13 digits that begin with 1$/, '应为以 1 开头的 11 或 13 位数字'],
  [/^must be the adcode of the province, a city, a county or a town$/, '应为省、市、县区或镇街的区划代码'],
  [/^must be the adcode of a (.+)$/, '区划代码与机构类别不符'],
  [/^must be given for an authority$/, '主管部门必须填写'],
  [/^is for authorities.*$/, '仅主管部门填写'],
  [/^must lie in the city .*$/, '县区不属于所选地市'],
  [/^can only change among operator, sole_trader and fleet$/, '类别只能在企业、个体户、车队之间更改'],
  [/^fleets stand below it, so it must stay an operator$/, '下设车队，类别须为道路运输企业'],
  [/^must not be the organisation itself or one below it$/, '上级不能是自身或其下级'],
  [/^a (\w+) stands below nothing$/, '省级主管部门没有上级'],
  [/^the tree must not be deeper than (\d+)$/, '层级不能超过 $1 级'],
  [/^models are entered by the whole province$/, '型号由省级维护'],
  [/^is for models of the catalogue$/, '仅列入目录的型号填写'],
  [/^must be given: a .* without .* is in no jurisdiction$/, '必填：未绑定的记录不属于任何辖区'],
  [/^another channel has this number$/, '通道号重复'],
  [/^the vehicle already has a terminal.*$/, '该车辆已有终端'],
  [/^another .*; it exists elsewhere$/, '已在其他辖区登记'],
  [/^(another .*|this model and firmware are there already.*)$/, '已被其他记录使用'],
  [/^must be later than from_at$/, '结束应晚于开始'],
  [/^must not be in the future.*$/, '不能晚于现在；当前归属请在资料中修改'],
  [/^overlaps .*$/, '与已有的时段重叠'],
  [/^must have (\d+) to (\d+) characters$/, '应为 $1 至 $2 个字符'],
  [/^must be (\d+) to (\d+) seconds ahead$/, '应为 $1 至 $2 秒之后'],
  [/^at most (\d+) times$/, '最多 $1 次'],
  [/^at most (\d+) at once$/, '一次最多 $1 条'],
  [/^at most (\d+) days$/, '最多 $1 天'],
  [/^a case of (G\d) cannot wait$/, '$1 处置单不能暂缓'],
  [/^a case of (G\d) is closed after another person verified it$/, '$1 处置单须经他人核验后结案'],
  [/^only cases of (G\d) are closed together$/, '只有 $1 处置单可以批量结案'],
  [/^a picture of each must have been opened by you$/, '每条的图片都要由您打开过'],
  [/^must all be of one type$/, '应为同一类型'],
  [/^must be given before the case is handled$/, '判定前必填'],
  [/^the case must have been opened by who handles it$/, '经办人须先打开处置单'],
  [/^a person must look at the evidence of this grade before judging$/, '此等级须先查看证据再判定'],
  [/^no (tts|stop) was given for this case$/, '尚未下发过该指令，不能记为措施'],
  [/^ignore stands alone$/, '“不处理”不能与其他措施同选'],
  [/^must be one of .+ for this verdict$/, '该原因与判定不符'],
  [/^was not opened by you$/, '您尚未打开此文件'],
  [/^must be verified by another person than the handler$/, '须由经办人以外的人核验'],
  [/^the case is verified already$/, '已经核验过'],
  [/^must be a person of your organisation who may handle cases$/, '应为本单位有处置权限的人员'],
  [/^the hand-over was taken over already$/, '已被接收'],
  [/^(.+) is handling this case$/, '$1 正在处理'],
  [/^a case that is (\w+) (?:cannot be \w+(?: \w+)?|gives no orders)$/, '处置单当前状态不允许此操作'],
  [/^the case changed meanwhile: (.+?) [A-Za-z][A-Za-z, ]* \((.+)\) at ([\d:]+)$/, '$1 $3 $2'],
  [/^the case changed meanwhile: look again$/, '内容已变化，请再看一遍'],
  [/^there is an appeal against this verdict already$/, '对此判定已有申诉'],
  [/^an appeal is made within (\d+) working days$/, '申诉须在 $1 个工作日内提出'],
  [/^must be true: only such a verdict is appealed against$/, '只能对“属实”的判定提出申诉'],
  [/^the truck has no terminal$/, '该车没有终端'],
  [/^must be the number that the terminal calls$/, '应为终端要拨打的号码'],
  [/^must be in the future and within a year.*$/, '应在将来一年之内：已发生的不会重新定级'],
  [/^version (\d+) begins at the same instant$/, '第 $1 版也在同一时刻生效'],
  [/^has begun, so it stays.*$/, '已生效，不能撤回；请发布新版本'],
  [/^must not be before from_day$/, '不能早于起始日'],
  [/^must not be in the future$/, '不能晚于今天'],
  [/^must be what its name says: \.(\w+) it is not, it is \.(\w+)$/, '名称与内容不符：名称为 .$1，内容是 .$2'],
  [/^must be a picture, a clip, a PDF, a Word or an Excel file$/, '只接受图片、视频、PDF、Word、Excel 文件'],
  [/^cannot be (decoded|read).*$/, '文件已损坏，无法打开'],
  [/^must be a whole PDF.*$/, 'PDF 文件不完整'],
  [/^must have at most (\d+) MiB$/, '最大 $1 MiB'],
  [/^must not hold (scripts|commands|programs)$/, '文件不能含脚本、命令或程序'],
  [/^must not hold (embedded files|embedded players)$/, 'PDF 不能内嵌其他文件'],
  [/^must not hold encryption$/, 'PDF 不能加密'],
  [/^must (not )?unpack to .*$/, '压缩文件展开后过大'],
  [/^must not hold paths that climb$/, '压缩文件含越界路径'],
  [/^must be at most (\d+) uploads that nothing has named$/, '未使用的附件已达 $1 个，请先移除'],
  [/^must be own uploads that no act has named yet$/, '附件须由本人上传且未被使用，请重新添加'],
  [/^must be uploaded again$/, '附件须重新上传'],
  [/^is done by an authority.*$/, '由主管部门办理'],
  [/^the order went up to the \w+$/, '此件已上交上级审核'],
  [/^is answered by the organisation that was ordered$/, '由被督办单位回复'],
  [/^must be the operator or the monitor of the case$/, '应为处置单的所属企业或监控机构'],
  [/^must be an operator or a monitor.*$/, '应为辖区内的运输企业或第三方监控机构'],
  [/^there is no (?:vehicle|terminal with phone) (\S+)(?: in your jurisdiction)?$/, '没有 $1，或不在您的辖区内'],
  [/^has passed: an order is extended before$/, '时限已过，不能再延期'],
  [/^an order is extended once$/, '每件只能延期一次'],
  [/^must be an operator of your own jurisdiction$/, '应为辖区内的企业'],
  [/^must reach 1 to (\d+) organisations$/, '应能发给 1 至 $1 家单位'],
  [/^must be one of the options$/, '请从选项中选择'],
  [/^passed more than a day ago$/, '已超过 24 小时，不能补答'],
];

/** A word that the server gives in both languages: the Chinese one in brackets. */
const BOTH = / \([^()\x20-\x7e]+\)/g;

export function ruleText(rule: string): string {
  const code = CODES[rule];
  if (code) return say(code);
  if (locale.value === 'en') return rule.replace(BOTH, '');
  for (const [pattern, text] of RULES) {
    if (pattern.test(rule)) return rule.replace(pattern, text);
  }
  return rule;
}

/** The same where the form has no place beside the field: a rule without words of its own names its field. */
export function fieldedText(failure: unknown): string {
  const text = refusalText(failure);
  return failure instanceof ApiError && failure.field && text === failure.rule ? `${failure.field}: ${text}` : text;
}

/** What to say of a refusal, or of whatever else went wrong with a request. */
export function refusalText(failure: unknown): string {
  return ruleText(failure instanceof ApiError ? failure.rule : 'unreadable');
}
