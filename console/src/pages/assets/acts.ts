/** Words of the acts that the audit log names. */
import { say } from '@/i18n';

import { w } from './nouns';

const ACTS: Readonly<Record<string, readonly [zh: string, en: string]>> = {
  create: ['新建', 'Created'],
  created: ['新建', 'Created'],
  change: ['修改', 'Changed'],
  changed: ['修改', 'Changed'],
  equip: ['修改通道与外设', 'Channels and peripherals changed'],
  bind: ['补录归属', 'Former span entered'],
  merge: ['合并', 'Merged'],
  merged: ['并入另一条记录', 'Went into another record'],
  unmerge: ['撤销合并', 'Merge undone'],
  import: ['导入', 'Imported'],
  register: ['终端注册', 'Registered'],
  disable: ['停用', 'Disabled'],
  enable: ['启用', 'Enabled'],
};

/** `vehicle.change` → 修改; an act without an entry is shown as it is logged. */
export function actText(act: string): string {
  const found = ACTS[act.split('.').pop() ?? ''];
  return found ? say(w(...found)) : act;
}
