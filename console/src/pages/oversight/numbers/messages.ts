import { defineMessages } from '@/i18n';

import { numberEn } from './messages.en';
import { numberZh } from './messages.zh';

export const numberMessages = defineMessages(numberZh, numberEn);
