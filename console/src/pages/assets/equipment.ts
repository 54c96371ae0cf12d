/** Channels and peripherals of a terminal, in words. Places of JT/T 1076-2016 table 2 and what the programme adds. */
import type { Channel, Peripheral } from './answers';
import type { Choice } from './nouns';
import { choice } from './nouns';

export const CHANNEL_KINDS: readonly Choice[] = [
  choice('av', '音视频', 'Audio and video'),
  choice('video', '视频', 'Video'),
  choice('audio', '音频', 'Audio'),
];

export const CHANNEL_POSITIONS: readonly Choice[] = [
  choice('driver', '驾驶员', 'Driver'),
  choice('front', '车辆正前方', 'Front'),
  choice('front_door', '车前门', 'Front door'),
  choice('cabin_front', '车厢前部', 'Cabin, front'),
  choice('cabin_rear', '车厢后部', 'Cabin, rear'),
  choice('rear_door', '车后门', 'Rear door'),
  choice('luggage', '行李舱', 'Luggage hold'),
  choice('left', '车辆左侧', 'Left side'),
  choice('right', '车辆右侧', 'Right side'),
  choice('rear', '车辆正后方', 'Rear'),
  choice('cabin_middle', '车厢中部', 'Cabin, middle'),
  choice('right_blind_spot', '右侧盲区', 'Right blind spot'),
  choice('load', '货厢', 'Load'),
  choice('other', '其他', 'Other'),
];

export const PERIPHERAL_KINDS: readonly Choice[] = [
  choice('adas', '高级驾驶辅助系统', 'ADAS'),
  choice('dsm', '驾驶员状态监测系统', 'Driver monitoring (DSM)'),
  choice('tpms', '轮胎气压监测系统', 'Tyre pressure (TPMS)'),
  choice('bsd', '盲区监测系统', 'Blind spot (BSD)'),
  choice('display', '显示屏', 'Display'),
  choice('sound_light', '声光报警器', 'Sound and light alarm'),
  choice('storage', '主存储器', 'Storage'),
  choice('backup_storage', '灾备存储器', 'Backup storage'),
  choice('card_reader', 'IC 卡读卡器', 'Card reader'),
  choice('recorder', '行驶记录仪', 'Recorder'),
  choice('fuel', '油量传感器', 'Fuel sensor'),
  choice('load', '载重传感器', 'Load sensor'),
  choice('other', '其他', 'Other'),
];

/** The next free logical channel. */
export function nextChannel(channels: readonly Channel[]): Channel {
  const logical = Math.max(0, ...channels.map((each) => each.logical ?? 0)) + 1;
  return { logical, physical: logical, kind: 'av', position: 'other', ptz: false };
}

export const newPeripheral = (): Peripheral => ({ kind: 'adas', maker: '', model: '', serial: '', capacity_gb: null });
