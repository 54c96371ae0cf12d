import type { Choice, Noun } from './field';
import { choice, w } from './field';

export const AUTHORITIES = ['province', 'city', 'county'];
export const OPERATING = ['operator', 'sole_trader', 'fleet'];

export const ORGANISATION_KINDS: readonly Choice[] = [
  choice('province', '省级主管部门', 'Provincial authority'),
  choice('city', '市级主管部门', 'City authority'),
  choice('county', '县（区、镇街）主管部门', 'County authority'),
  choice('regulator', '保险监管部门', 'Insurance regulator'),
  choice('emergency', '应急管理部门', 'Emergency management'),
  choice('police', '公安交管部门', 'Traffic police'),
  choice('insurer', '保险机构', 'Insurer'),
  choice('vendor', '中标单位/服务商', 'Vendor'),
  choice('monitor', '第三方监控机构', 'Third-party monitor'),
  choice('operator', '道路运输企业', 'Transport operator'),
  choice('sole_trader', '个体户', 'Sole trader'),
  choice('fleet', '车队', 'Fleet'),
];

const governs = (row: Record<string, unknown>): boolean => AUTHORITIES.includes(String(row.kind));
const runs = (row: Record<string, unknown>): boolean => OPERATING.includes(String(row.kind));

export const organisationNoun: Noun = {
  code: 'organisations',
  kind: 'organisation',
  words: w('机构', 'Organisations'),
  search: w('名称、简称、信用代码', 'Name, short name, credit code'),
  columns: ['name', 'kind', 'credit_code', 'city', 'county', 'contact', 'contact_phone', 'valid_to', 'disabled_at'],
  sorts: {},
  placed: { city: true, county: true },
  bodies: {},
  bound: false,
  merges: true,
  groups: [
    {
      words: w('机构', 'Organisation'),
      fields: [
        { name: 'name', words: w('名称', 'Name'), type: 'text', required: true },
        { name: 'short_name', words: w('简称', 'Short name'), type: 'text' },
        { name: 'kind', words: w('类别', 'Kind'), type: 'choice', choices: ORGANISATION_KINDS, required: true },
        { name: 'parent_id', words: w('上级机构', 'Above it'), type: 'record', record: { noun: 'organisations' } },
        {
          name: 'credit_code', words: w('统一社会信用代码', 'Credit code'), type: 'code',
          hint: w('18 位，末位为校验码', '18 characters, the last is a check character'),
        },
        { name: 'licence_number', words: w('道路运输经营许可证号', 'Transport licence'), type: 'code', only: runs },
      ],
    },
    {
      words: w('辖区', 'Area'),
      fields: [
        {
          name: 'area', words: w('管辖区划代码', 'Governs (code)'), type: 'number', only: governs,
          hint: w('GB/T 2260 六位代码，镇街九位', 'GB/T 2260, six digits; nine for a town'),
        },
        { name: 'city', words: w('地市', 'City'), type: 'city', only: (row) => !governs(row) },
        { name: 'county', words: w('县区', 'County'), type: 'county', only: (row) => !governs(row) },
      ],
    },
    {
      words: w('联系与期限', 'Contact and validity'),
      fields: [
        { name: 'contact', words: w('联系人', 'Contact'), type: 'text' },
        { name: 'contact_phone', words: w('联系电话', 'Telephone'), type: 'code' },
        { name: 'valid_from', words: w('有效期自', 'Valid from'), type: 'day' },
        { name: 'valid_to', words: w('有效期至', 'Valid to'), type: 'day' },
        { name: 'disabled_at', words: w('停用时间', 'Disabled since'), type: 'moment', fixed: true },
      ],
    },
  ],
};
