import { defineMessages } from '@/i18n';

export const oversightMessages = defineMessages(
  {
    'tabs': '监督',
    'back': '返回列表',
    'none': '此账号没有可用的监督事项',
    'away': '服务器没有应答，请检查网络后重试',
    'changed': '刚刚被他人改动，已显示最新内容，请核对后再办',
  },
  {
    'tabs': 'Oversight',
    'back': 'Back to the list',
    'none': 'Nothing in oversight is open to this account',
    'away': 'The server does not answer. Check the network and try again',
    'changed': 'Somebody changed it meanwhile; what is shown is the newest, look again',
  },
);
