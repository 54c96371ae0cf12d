import { defineMessages } from '@/i18n';

export const mapMessages = defineMessages(
  { controls: '地图缩放', in: '放大', out: '缩小', home: '显示全部' },
  { controls: 'Map zoom', in: 'Zoom in', out: 'Zoom out', home: 'Show all' },
);
