/** Colours on the map, which stays dark in both themes. */
export const MAP = {
  ground: '#0B1420',
  played: '#5B9DFF',
  ahead: '#2F5C9E',
  gap: '#9FB2C8',
  silence: '#6B7F97',
  alarm: '#FFB84D',
  alarmAhead: '#A8782F',
  text: '#E6EDF5',
  label: '#C9D6E4',
  muted: '#9FB2C8',
  raised: '#17263A',
  line: '#3A5070',
  stop: '#C9D6E4',
} as const;

export const FONT = '"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif';
