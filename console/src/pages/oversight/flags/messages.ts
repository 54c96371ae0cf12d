import { defineMessages } from '@/i18n';

import { flagEn } from './messages.en';
import { flagZh } from './messages.zh';

export const flagMessages = defineMessages(flagZh, flagEn);
