import { defineMessages } from '@/i18n';

import { en } from './messages.en';
import { zh } from './messages.zh';

export const orderMessages = defineMessages(zh, en);
