import type { Choice, Noun } from './field';
import { choice, w } from './field';

const LICENCES: readonly Choice[] = ['A1', 'A2', 'A3', 'B1', 'B2', 'C1', 'C2', 'C6'].map((code) => choice(code, code, code));
const QUALIFICATIONS: readonly Choice[] = [
  choice('freight', '道路货物运输驾驶员', 'Freight'),
  choice('dangerous_goods', '道路危险货物运输驾驶员', 'Dangerous goods'),
  choice('passenger', '道路旅客运输驾驶员', 'Passengers'),
  choice('other', '其他', 'Other'),
];

export const driverNoun: Noun = {
  code: 'drivers',
  kind: 'driver',
  words: w('驾驶员', 'Drivers'),
  search: w('姓名、电话、从业资格证号', 'Name, telephone, qualification number'),
  columns: ['name', 'phone', 'operator_id', 'licence_class', 'qualification_kind', 'qualification_valid_to', 'city'],
  sorts: {},
  placed: { city: true, county: true },
  bodies: { operator: 'operator', sole_trader: 'operator', fleet: 'operator' },
  bound: true,
  merges: true,
  groups: [
    {
      words: w('驾驶员', 'Driver'),
      fields: [
        { name: 'name', words: w('姓名', 'Name'), type: 'text', required: true },
        { name: 'identity_number', words: w('公民身份号码', 'Identity number'), type: 'code' },
        { name: 'phone', words: w('电话', 'Telephone'), type: 'code' },
        { name: 'operator_id', words: w('所属企业', 'Employer'), type: 'record', record: { noun: 'organisations', kinds: ['operator', 'sole_trader', 'fleet'] } },
      ],
    },
    {
      words: w('驾驶证', 'Driving licence'),
      fields: [
        { name: 'licence_class', words: w('准驾车型', 'Class'), type: 'choice', choices: LICENCES },
        { name: 'licence_number', words: w('驾驶证号', 'Licence number'), type: 'code' },
        { name: 'licence_valid_to', words: w('驾驶证有效期至', 'Valid to'), type: 'day' },
      ],
    },
    {
      words: w('从业资格证', 'Qualification'),
      fields: [
        { name: 'qualification_number', words: w('从业资格证号', 'Number'), type: 'code' },
        { name: 'qualification_kind', words: w('从业资格类别', 'Kind'), type: 'choice', choices: QUALIFICATIONS },
        { name: 'qualification_issuer', words: w('发证机构', 'Issued by'), type: 'text' },
        { name: 'qualification_valid_from', words: w('资格证有效期自', 'Valid from'), type: 'day' },
        { name: 'qualification_valid_to', words: w('资格证有效期至', 'Valid to'), type: 'day' },
        { name: 'city', words: w('发证地市', 'City of issue'), type: 'city' },
        { name: 'county', words: w('县区', 'County'), type: 'county' },
      ],
    },
    {
      words: w('IC 卡与照片', 'IC card and photo'),
      fields: [
        { name: 'ic_card_number', words: w('IC 卡号', 'Card number'), type: 'code' },
        { name: 'ic_card_issuer', words: w('发卡机构', 'Card issuer'), type: 'text' },
        { name: 'ic_card_valid_to', words: w('IC 卡有效期至', 'Valid to'), type: 'day' },
        { name: 'photo', words: w('照片', 'Photo'), type: 'text', fixed: true },
      ],
    },
  ],
};
