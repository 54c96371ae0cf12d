import { defineMessages } from '@/i18n';

export const caseFieldMessages = defineMessages(
  { 'label': '关联处置单', 'hint': '不关联；输入编号或类型查找此车未办结的处置单' },
  { 'label': 'For the case', 'hint': 'None; find an open case of this truck by number or type' },
);
