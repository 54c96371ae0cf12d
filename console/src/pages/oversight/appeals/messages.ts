import { defineMessages } from '@/i18n';

import { appealEn } from './messages.en';
import { appealZh } from './messages.zh';

export const appealMessages = defineMessages(appealZh, appealEn);
