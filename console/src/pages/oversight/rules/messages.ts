import { defineMessages } from '@/i18n';

export const rulesMessages = defineMessages(
  {
    'about': '督办、查岗的时限，虚假处理线索和督办提议的阈值，证据包的保留期。此前已发出的督办、查岗和线索仍按各自的版本。',
    'unit.minutes': '分钟',
    'unit.seconds': '秒',
    'unit.times': '次',
    'unit.cases': '单',
    'unit.files': '个文件',
    'unit.percent': '%',
    'unit.days': '天',
    'unit.bodies': '家',
    'was': '底稿 {value}',
    'more': '另有本页未列的字段，请在全文中修改：{paths}',
    'none': '没有规则版本',
  },
  {
    'about': 'Limits and thresholds of oversight. What was ordered, asked or flagged before keeps its own version.',
    'unit.minutes': 'min',
    'unit.seconds': 's',
    'unit.times': 'times',
    'unit.cases': 'cases',
    'unit.files': 'files',
    'unit.percent': '%',
    'unit.days': 'days',
    'unit.bodies': 'bodies',
    'was': 'was {value}',
    'more': 'There are fields that this page does not list; change them in the whole text: {paths}',
    'none': 'No version of the rules',
  },
);
