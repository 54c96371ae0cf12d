/** Why a talk ended or a truck was not reached, in words: the server's codes and the browser's own. */
import type { Words } from '@/i18n';

const w = (zh: string, en: string): Words => ({ zh, en });

export const REASONS: Readonly<Record<string, Words>> = {
  hung_up: w('已挂断', 'Hung up'),
  microphone_insecure: w('浏览器只在 HTTPS 页面提供麦克风，请用 https:// 打开本平台', 'Browsers give the microphone to HTTPS pages only; open this site with https://'),
  microphone_absent: w('没有找到麦克风', 'No microphone was found'),
  microphone_refused: w('麦克风权限被拒绝，请在浏览器地址栏中允许使用麦克风', 'The microphone was refused; allow it in the address bar of the browser'),
  microphone_taken: w('麦克风被其他程序占用', 'Another program holds the microphone'),
  microphone_unsupported: w('此浏览器不支持对讲，请更新浏览器', 'This browser cannot do it; please update it'),
  microphone_failed: w('麦克风无法打开', 'The microphone could not be opened'),
  microphone_lost: w('麦克风已拔出或权限被收回', 'The microphone was pulled out, or the permission taken back'),
  offline: w('终端离线', 'Terminal offline'),
  no_answer: w('终端未应答', 'No answer from the terminal'),
  refused: w('终端拒绝', 'Refused by the terminal'),
  no_connection: w('终端已应答，但没有建立音频连接', 'The terminal answered but never connected'),
  no_data: w('终端已连接，但没有发送声音', 'The terminal is connected but sends no sound'),
  no_node: w('没有媒体服务', 'No media service'),
  node_gone: w('媒体服务中断', 'The media service was interrupted'),
  lost: w('终端的音频连接断开', 'The connection of the terminal broke'),
  closed: w('监管人员或终端结束了通话', 'A supervisor or the terminal ended it'),
  quota: w('流量或同时通话数已到上限', 'The limit of traffic or of talks at a time is reached'),
  forbidden: w('无权与此车通话，或授权已结束', 'No right to talk with this truck, or the grant has ended'),
  reason_required: w('需填写事由', 'A reason is needed'),
  purpose_required: w('未说明用途', 'No purpose was given'),
  ticket_expired: w('凭证过期，请重新呼叫', 'The ticket expired; call again'),
  audio_unsupported: w('终端的音频编码不支持', 'The codec of the terminal is not supported'),
  left: w('已移出', 'Taken out'),
  busy: w('此车正在通话', 'The truck is being talked with'),
  time_over: w('已到最长通话时间', 'The longest time of a talk is over'),
  idle: w('60 秒没有声音，已自动结束', 'No sound for 60 s; it ended by itself'),
  viewer_gone: w('本机没有响应，通话已结束', 'This computer did not answer; it ended'),
  viewer_slow: w('本机网络过慢', 'The network of this computer is too slow'),
  replaced: w('您对此车开始了另一通话', 'You began another talk with this truck'),
  network: w('与服务器的连接中断', 'The connection to the server broke'),
  session_ended: w('登录已结束，请重新登录', 'You are signed out; please log in again'),
  unreachable: w('服务器没有应答', 'No answer from the server'),
  no_vehicle: w('车辆不存在，或不在您的辖区内', 'The truck does not exist or is outside your area'),
  no_terminal: w('此车没有登记终端', 'No terminal is registered for this truck'),
  refused_request: w('服务器没有接受这个请求', 'The server did not accept the request'),
};

/** A code that a newer server sends and this console has no words for is shown as it is. */
export const reasonFor = (code: string): Words => REASONS[code] ?? { zh: code, en: code };
