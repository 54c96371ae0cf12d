import { PLATE_COLORS } from '@/format/plate';

import type { Choice, Noun } from './field';
import { choice, w } from './field';

/** What a colour beside its name says to whoever registers a truck. */
const KEPT_FOR: Readonly<Record<number, readonly [zh: string, en: string]>> = { 93: ['（大型新能源）', ' (large new energy)'], 94: ['（小型新能源）', ' (small new energy)'] };
const COLORS: readonly Choice[] = Object.entries(PLATE_COLORS).map(([code, [zh, en]]) => choice(Number(code), zh + (KEPT_FOR[Number(code)]?.[0] ?? ''), en + (KEPT_FOR[Number(code)]?.[1] ?? '')));

export const VEHICLE_CLASSES: readonly Choice[] = [
  choice('semi_trailer_tractor', '半挂牵引车', 'Semi-trailer tractor'),
  choice('general_freight_12t', '普通货运（总质量 12 吨及以上）', 'General freight, 12 t and more'),
  choice('general_freight', '普通货运（总质量 12 吨以下）', 'General freight, below 12 t'),
  choice('dangerous_goods', '危险货物运输车', 'Dangerous goods'),
  choice('slag_truck', '泥头车', 'Slag truck'),
  choice('concrete_mixer', '混凝土搅拌车', 'Concrete mixer'),
  choice('other', '其他', 'Other'),
];

/** Who brought a row into the registry. */
export const SOURCES: readonly Choice[] = [
  choice('import', '导入', 'Import'),
  choice('open', '终端注册', 'Registration'),
  choice('console', '人工录入', 'Entered'),
];

export const vehicleNoun: Noun = {
  code: 'vehicles',
  kind: 'vehicle',
  words: w('车辆', 'Vehicles'),
  search: w('车牌、终端手机号、终端 ID', 'Plate, terminal phone, terminal ID'),
  columns: ['plate', 'vehicle_class', 'operator_id', 'city', 'county', 'insurer_id', 'certificate_valid_to', 'terminal'],
  sorts: { plate: 'plate', city: 'city', operator_id: 'operator' },
  placed: { city: true, county: true },
  bodies: { operator: 'operator', sole_trader: 'operator', fleet: 'operator', monitor: 'monitor', insurer: 'insurer' },
  bound: true,
  merges: true,
  groups: [
    {
      words: w('车辆', 'Vehicle'),
      fields: [
        { name: 'plate', words: w('车牌', 'Plate'), type: 'plate', required: true },
        { name: 'plate_color', words: w('车牌颜色', 'Plate colour'), type: 'choice', choices: COLORS, required: true },
        { name: 'vin', words: w('车架号 VIN', 'VIN'), type: 'code', hint: w('17 位，第 9 位为校验位', '17 characters, the ninth is a check digit') },
        { name: 'vin_confirmed', words: w('已核对实车 VIN（校验位不符）', 'VIN stands so on the truck (check digit wrong)'), type: 'flag' },
        { name: 'vehicle_class', words: w('车辆类别', 'Class'), type: 'choice', choices: VEHICLE_CLASSES },
        { name: 'gross_mass_kg', words: w('总质量', 'Gross mass'), type: 'number', unit: w('kg', 'kg') },
        { name: 'owner', words: w('车辆所有人', 'Owner'), type: 'text' },
        { name: 'in_scope', words: w('纳入 40 号文范围', 'Covered by notice 40'), type: 'flag', fixed: true },
      ],
    },
    {
      words: w('道路运输证与辖区', 'Transport certificate and area'),
      fields: [
        { name: 'transport_certificate', words: w('道路运输证号', 'Certificate number'), type: 'code' },
        { name: 'certificate_valid_from', words: w('证件有效期自', 'Valid from'), type: 'day' },
        { name: 'certificate_valid_to', words: w('证件有效期至', 'Valid to'), type: 'day' },
        {
          name: 'city', words: w('发证地市', 'City of issue'), type: 'city',
          hint: w('核发道路运输证的机关决定辖区', 'The authority that issued the certificate decides the jurisdiction'),
        },
        { name: 'county', words: w('县区', 'County'), type: 'county' },
      ],
    },
    {
      words: w('归属', 'Belongs to'),
      fields: [
        { name: 'operator_id', words: w('运输企业', 'Operator'), type: 'record', record: { noun: 'organisations', kinds: ['operator', 'sole_trader', 'fleet'] } },
        { name: 'monitor_id', words: w('第三方监控', 'Monitor'), type: 'record', record: { noun: 'organisations', kinds: ['monitor'] } },
        { name: 'insurer_id', words: w('承保机构', 'Insurer'), type: 'record', record: { noun: 'organisations', kinds: ['insurer'] } },
        { name: 'terminal', words: w('终端', 'Terminal'), type: 'record', record: { noun: 'terminals' }, fixed: true },
        { name: 'source', words: w('来源', 'Source'), type: 'choice', choices: SOURCES, fixed: true, only: (row) => 'source' in row },
      ],
    },
  ],
};
