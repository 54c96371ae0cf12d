/** Names of the alarm bits, JT/T 808-2019 table 25 with the older editions' names where they differ. */
import { defineMessages, useMessages } from '@/i18n';

const alarmNames = defineMessages(
  {
    '0': '紧急报警',
    '1': '超速报警',
    '2': '疲劳驾驶报警',
    '3': '危险驾驶行为报警',
    '3_2013': '危险预警',
    '3_2011': '预警',
    '4': 'GNSS 模块故障',
    '5': 'GNSS 天线未接或被剪断',
    '6': 'GNSS 天线短路',
    '7': '终端主电源欠压',
    '8': '终端主电源掉电',
    '9': '终端显示器故障',
    '10': 'TTS 模块故障',
    '11': '摄像头故障',
    '12': '道路运输证 IC 卡模块故障',
    '13': '超速预警',
    '14': '疲劳驾驶预警',
    '15': '违规行驶报警',
    '16': '胎压预警',
    '17': '右转盲区异常报警',
    '18': '当天累计驾驶超时',
    '19': '超时停车',
    '20': '进出区域',
    '21': '进出路线',
    '22': '路段行驶时间不足或过长',
    '23': '路线偏离报警',
    '24': '车辆 VSS 故障',
    '25': '车辆油量异常',
    '26': '车辆被盗',
    '27': '车辆非法点火',
    '28': '车辆非法位移',
    '29': '碰撞侧翻报警',
    '29_2013': '碰撞预警',
    '30': '侧翻预警',
    '31': '非法开门报警',
  },
  {
    '0': 'Emergency alarm',
    '1': 'Overspeed',
    '2': 'Fatigue driving',
    '3': 'Dangerous driving behaviour',
    '3_2013': 'Danger warning',
    '3_2011': 'Pre-alarm',
    '4': 'GNSS module fault',
    '5': 'GNSS antenna open or cut',
    '6': 'GNSS antenna short',
    '7': 'Main power low',
    '8': 'Main power lost',
    '9': 'Display fault',
    '10': 'TTS module fault',
    '11': 'Camera fault',
    '12': 'IC card module fault',
    '13': 'Overspeed warning',
    '14': 'Fatigue warning',
    '15': 'Illegal driving period',
    '16': 'Tyre pressure warning',
    '17': 'Right-turn blind zone',
    '18': 'Daily driving time exceeded',
    '19': 'Parked too long',
    '20': 'Area entered or left',
    '21': 'Route entered or left',
    '22': 'Section time too short or long',
    '23': 'Off route',
    '24': 'VSS fault',
    '25': 'Fuel abnormal',
    '26': 'Vehicle stolen',
    '27': 'Illegal ignition',
    '28': 'Illegal movement',
    '29': 'Collision or rollover',
    '29_2013': 'Collision warning',
    '30': 'Rollover warning',
    '31': 'Illegal door opening',
  },
);

const name = useMessages(alarmNames);

/** Key of the bit's name: two bits changed their meaning between editions. */
export function alarmKey(bit: number, edition: number | undefined): string {
  if (bit === 3 && edition !== 2019) return edition === 2011 ? '3_2011' : '3_2013';
  if (bit === 29 && edition === 2013) return '29_2013';
  return String(bit);
}

/** The bit's name in the chosen language; the bare number where the table has no such bit. */
export function alarmName(bit: number, edition: number | undefined): string {
  const key = alarmKey(bit, edition);
  return key in alarmNames.zh ? name(key as keyof typeof alarmNames.zh) : String(bit);
}
