import type { Choice, Noun } from './field';
import { choice, w } from './field';
import { SOURCES } from './vehicle';

const EDITIONS: readonly Choice[] = [choice(2011, '2011', '2011'), choice(2013, '2013', '2013'), choice(2019, '2019', '2019')];
export const CARRIERS: readonly Choice[] = [
  choice('mobile', '中国移动', 'China Mobile'),
  choice('unicom', '中国联通', 'China Unicom'),
  choice('telecom', '中国电信', 'China Telecom'),
  choice('broadnet', '中国广电', 'China Broadnet'),
];

export const terminalNoun: Noun = {
  code: 'terminals',
  kind: 'terminal',
  words: w('终端', 'Terminals'),
  search: w('终端手机号、终端 ID、车牌', 'Terminal phone, terminal ID, plate'),
  columns: ['phone', 'vehicle_id', 'terminal_id', 'model', 'edition', 'vendor_id', 'registered_at'],
  sorts: {},
  placed: { city: true, county: true },
  bodies: { operator: 'operator', sole_trader: 'operator', fleet: 'operator', vendor: 'vendor' },
  bound: true,
  merges: true,
  groups: [
    {
      words: w('终端', 'Terminal'),
      fields: [
        { name: 'phone', words: w('终端手机号', 'Phone'), type: 'code', required: true },
        { name: 'terminal_id', words: w('终端 ID', 'Terminal ID'), type: 'code' },
        { name: 'manufacturer_id', words: w('制造商 ID', 'Manufacturer ID'), type: 'code' },
        { name: 'model', words: w('终端自报型号', 'Model as it says'), type: 'text' },
        { name: 'model_id', words: w('目录型号', 'Model of the catalogue'), type: 'record', record: { noun: 'models' } },
        { name: 'edition', words: w('协议版本 JT/T 808', 'Edition of JT/T 808'), type: 'choice', choices: EDITIONS },
      ],
    },
    {
      words: w('归属', 'Belongs to'),
      fields: [
        { name: 'vehicle_id', words: w('所在车辆', 'Vehicle'), type: 'record', record: { noun: 'vehicles' } },
        { name: 'vendor_id', words: w('供应商', 'Vendor'), type: 'record', record: { noun: 'organisations', kinds: ['vendor'] } },
        { name: 'registered_at', words: w('注册时间', 'Registered at'), type: 'moment', fixed: true },
        { name: 'unregister_pending_at', words: w('申请注销时间', 'Asked to unregister at'), type: 'moment', fixed: true },
        { name: 'source', words: w('来源', 'Source'), type: 'choice', choices: SOURCES, fixed: true },
      ],
    },
  ],
};

export const simNoun: Noun = {
  code: 'sims',
  kind: 'sim',
  words: w('SIM 卡', 'SIM cards'),
  search: w('ICCID、卡号', 'ICCID, number'),
  columns: ['iccid', 'msisdn', 'carrier', 'terminal_id', 'valid_to'],
  sorts: {},
  placed: { city: false, county: false },
  bodies: {},
  bound: true,
  merges: false,
  groups: [
    {
      words: w('SIM 卡', 'SIM card'),
      fields: [
        { name: 'iccid', words: w('ICCID', 'ICCID'), type: 'code', required: true, hint: w('19 或 20 位，以 89 开头', '19 or 20 characters from 89') },
        { name: 'msisdn', words: w('卡号', 'Number'), type: 'code', hint: w('11 或 13 位', '11 or 13 digits') },
        { name: 'carrier', words: w('运营商', 'Carrier'), type: 'choice', choices: CARRIERS },
        { name: 'terminal_id', words: w('所在终端', 'Terminal'), type: 'record', record: { noun: 'terminals' } },
        { name: 'valid_from', words: w('有效期自', 'Valid from'), type: 'day' },
        { name: 'valid_to', words: w('有效期至', 'Valid to'), type: 'day' },
      ],
    },
  ],
};

export const modelNoun: Noun = {
  code: 'models',
  kind: 'model',
  words: w('型号', 'Models'),
  search: w('型号、固件、制造商 ID', 'Model, firmware, manufacturer ID'),
  columns: ['name', 'firmware', 'manufacturer_id', 'vendor_id', 'catalogued', 'catalogue_number', 'catalogued_on'],
  sorts: {},
  placed: { city: false, county: false },
  bodies: { vendor: 'vendor' },
  bound: false,
  merges: false,
  groups: [
    {
      words: w('型号', 'Model'),
      fields: [
        { name: 'name', words: w('型号', 'Model'), type: 'text', required: true },
        { name: 'firmware', words: w('固件版本', 'Firmware'), type: 'text', hint: w('留空表示不限版本', 'Empty: any') },
        { name: 'manufacturer_id', words: w('制造商 ID', 'Manufacturer ID'), type: 'code' },
        { name: 'vendor_id', words: w('供应商', 'Vendor'), type: 'record', record: { noun: 'organisations', kinds: ['vendor'] } },
      ],
    },
    {
      words: w('中标设备目录', 'Catalogue'),
      fields: [
        { name: 'catalogued', words: w('列入目录', 'In the catalogue'), type: 'flag' },
        { name: 'catalogue_number', words: w('目录编号', 'Catalogue number'), type: 'code' },
        { name: 'catalogued_on', words: w('列入日期', 'Listed on'), type: 'day' },
      ],
    },
  ],
};
