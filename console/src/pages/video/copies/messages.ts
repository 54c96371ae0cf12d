import { defineMessages } from '@/i18n';

export const copyMessages = defineMessages(
  {
    'view': '查看',
    'download': '下载副本',
    'ready': '带水印的副本；查看人、时间和用途已记入审计',
    'preparing': '正在制作带水印的副本',
    'failed': '副本没有做成：文件暂时不可用或无法解码，请稍后再试',
    'forbidden': '无权查看证据文件',
    'refused': '没有成功：{why}',
    'over': '授权已结束，副本已收起',
    'retry': '重试',
    'ends': '副本只到 {time}，原件更长；导出原件可看全部',
  },
  {
    'view': 'View',
    'download': 'Download a copy',
    'ready': 'A copy with a watermark; who looked, when and why is recorded',
    'preparing': 'A copy with a watermark is being made',
    'failed': 'No copy could be made: the file is not there now or cannot be decoded; try again later',
    'forbidden': 'No right to look at files of the evidence',
    'refused': 'Not done: {why}',
    'over': 'The grant is over; the copy is gone',
    'retry': 'Try again',
    'ends': 'The copy ends at {time}, the original goes on: export it to see all',
  },
);
