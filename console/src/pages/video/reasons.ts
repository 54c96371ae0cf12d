/** Why a tile is black: the server's codes and the browser's own, in words. */
import type { Words } from '@/i18n';
import type { IconName } from '@/parts/icons';

export interface Reason {
  name: Words;
  /** What it means, or what to do. */
  hint: Words;
  icon: IconName;
  tone: 'warn' | 'alarm' | 'muted';
  /** Asking again may help. */
  retry: boolean;
}

const w = (zh: string, en: string): Words => ({ zh, en });
const reason = (name: Words, hint: Words, icon: IconName, tone: Reason['tone'], retry = true): Reason => ({ name, hint, icon, tone, retry });

export const REASONS: Readonly<Record<string, Reason>> = {
  offline: reason(w('终端离线', 'Terminal offline'), w('终端没有连接平台，上线后可以查看', 'The terminal is not connected; the picture comes once it is'), 'nosignal', 'muted'),
  no_answer: reason(w('终端未应答', 'No answer'), w('终端没有应答实时视频请求（0x9101）', 'The terminal did not answer the request for live video (0x9101)'), 'clock', 'warn'),
  refused: reason(w('终端拒绝', 'Refused by the terminal'), w('终端应答不能传输此通道', 'The terminal answered that it cannot send this channel'), 'info', 'warn'),
  no_connection: reason(w('终端未连接', 'Never connected'), w('终端已应答，但没有连接媒体服务', 'The terminal answered but never connected to the media service'), 'clock', 'warn'),
  no_data: reason(w('无码流', 'No data'), w('终端已连接，但没有发送数据', 'The terminal is connected but sends nothing'), 'clock', 'warn'),
  no_key_frame: reason(w('无关键帧', 'No key frame'), w('有数据，但没有可以开始解码的关键帧', 'Data comes, but no key frame to begin with'), 'hourglass', 'warn'),
  codec_unknown: reason(w('编码未知', 'Unknown codec'), w('平台不认识终端发送的视频编码', 'The codec of the terminal is not known here'), 'info', 'warn'),
  codec_unsupported: reason(w('编码不支持', 'Codec not supported'), w('此浏览器不能播放这种编码', 'This browser cannot play this codec'), 'info', 'warn'),
  quota: reason(w('超出配额', 'Quota used up'), w('流量或同时观看的路数已到上限', 'The limit of traffic or of pictures at a time is reached'), 'alarm', 'warn'),
  viewer_slow: reason(w('本机网络过慢', 'This computer is too slow'), w('画面来不及接收，正在重新连接', 'Pictures could not be taken in; it is being connected again'), 'hourglass', 'warn'),
  forbidden: reason(w('无权查看', 'Not permitted'), w('权限、授权或辖区不包含此车视频，或授权已结束', 'Right, grant or area does not cover the video of this truck, or the grant has ended'), 'lock', 'alarm'),
  reason_required: reason(w('需填写事由', 'A reason is needed'), w('按事由限时查看，全程留痕', 'Seen on a recorded reason, for a limited time'), 'lock', 'muted'),
  purpose_required: reason(w('未说明用途', 'No purpose given'), w('查看实时视频须说明用途', 'Live video is seen for a stated purpose only'), 'lock', 'muted'),
  session_ended: reason(w('登录已结束', 'Signed out'), w('请重新登录', 'Please log in again'), 'lock', 'alarm', false),
  ticket_expired: reason(w('凭证过期', 'Ticket expired'), w('正在重新取得观看凭证', 'A new ticket is being asked for'), 'clock', 'muted'),
  superseded: reason(w('已被替换', 'Superseded'), w('终端为此通道另开了一路码流，正在重新连接', 'The terminal opened this channel anew; it is being connected again'), 'refresh', 'muted'),
  finished: reason(w('录像已播完', 'All was played'), w('到达该段录像的结尾，或终端停止了回放', 'The recording ended, or the terminal stopped playing'), 'info', 'muted'),
  replaced: reason(w('已由新的回放取代', 'Another playback took its place'), w('同一通道同时只能回放一路', 'A channel is played once at a time'), 'info', 'muted'),
  busy: reason(w('他人正在回放此通道', 'Somebody else plays this channel'), w('同一通道同时只能回放一路', 'A channel is played once at a time'), 'hourglass', 'warn'),
  no_recording: reason(w('没有录像', 'Nothing recorded'), w('终端应答该时段没有录像', 'The terminal answered that it has nothing of this time'), 'info', 'muted'),
  paused_long: reason(w('暂停过久', 'Paused for too long'), w('暂停超过 10 分钟，回放已结束', 'It was paused for 10 minutes and has ended'), 'pause', 'muted'),
  node_gone: reason(w('媒体服务中断', 'Media service interrupted'), w('正在换到另一台媒体服务', 'It is being taken over by another one'), 'refresh', 'warn'),
  no_node: reason(w('没有媒体服务', 'No media service'), w('媒体服务未运行，正在重试', 'The media service does not run; it is tried again'), 'refresh', 'alarm'),
  closed: reason(w('已停止', 'Closed'), w('监管人员或终端结束了这路视频', 'A supervisor or the terminal ended it'), 'pause', 'muted'),
  lost: reason(w('码流中断', 'Stream lost'), w('终端的媒体连接断开，正在重新请求', 'The media connection of the terminal broke; it is asked again'), 'nosignal', 'warn'),
  network: reason(w('连接中断', 'Connection lost'), w('与服务器的连接中断，正在重新连接', 'The connection to the server broke; it is being connected again'), 'nosignal', 'warn'),
  unreachable: reason(w('服务器没有应答', 'No answer from the server'), w('请检查网络，正在重试', 'Check the network; it is tried again'), 'nosignal', 'warn'),
  no_vehicle: reason(w('没有此车', 'No such truck'), w('车辆不存在，或不在您的辖区内', 'It does not exist or is outside your area'), 'info', 'muted', false),
  no_terminal: reason(w('未装终端', 'No terminal'), w('此车没有登记终端', 'No terminal is registered for this truck'), 'info', 'muted', false),
  not_held: reason(w('当时不在管辖内', 'Not yours at that time'), w('该时段内此车不全在您的管辖之下，录像归当时的管辖方', 'The truck was not within your reach for all of that time; what was recorded is for who had it then'), 'lock', 'muted', false),
  refused_request: reason(w('请求被拒', 'Request refused'), w('服务器没有接受这个请求', 'The server did not accept the request'), 'info', 'warn'),
};

const UNKNOWN: Reason = reason(w('没有画面', 'No picture'), w('', ''), 'info', 'warn');

/** A code that a newer server sends and this console has no words for is shown as it is. */
export function reasonFor(code: string): Reason {
  return REASONS[code] ?? { ...UNKNOWN, hint: { zh: code, en: code } };
}

/** The quotas a refusal may name. */
export const QUOTAS: Readonly<Record<string, Words>> = {
  sim_month: w('此 SIM 卡本月流量已用完', 'The SIM card has used up its traffic of this month'),
  streams: w('平台同时播放的路数已满', 'The platform plays as many pictures as it may'),
  truck_streams: w('此车同时播放的路数已满', 'This truck sends as many pictures as it may'),
  user_streams: w('您同时播放的路数已满', 'You watch as many pictures as you may'),
};
