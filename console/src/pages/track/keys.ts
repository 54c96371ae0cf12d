/** What a key means to the replay. A number is a step in points. */
export type KeyAction = 'toggle' | 'next' | 'previous' | 'faster' | 'slower' | 'first' | 'last' | number;

interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  target: EventTarget | null;
}

/** Keys that a control under the focus needs for itself: typing, choosing in a group, moving the map. */
const TYPING = 'input, textarea, select, [contenteditable], [role="dialog"], .el-picker-panel';
const PRESSABLE = 'button, a';
const ARROWS_OF_ITS_OWN = '[role="radiogroup"], .maplibregl-canvas';

export function keyAction(event: Pressed): KeyAction | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.target as Partial<Element> | null;
  const within = (selector: string): boolean => !!target?.closest?.(selector);
  if (within(TYPING)) return null;
  switch (event.key) {
    case ' ':
      return within(PRESSABLE) ? null : 'toggle';
    case '[':
    case '【':
      return 'previous';
    case ']':
    case '】':
      return 'next';
  }
  if (within(ARROWS_OF_ITS_OWN)) return null;
  switch (event.key) {
    case 'ArrowLeft':
      return event.shiftKey ? -10 : -1;
    case 'ArrowRight':
      return event.shiftKey ? 10 : 1;
    case 'ArrowUp':
      return 'faster';
    case 'ArrowDown':
      return 'slower';
    case 'Home':
      return 'first';
    case 'End':
      return 'last';
  }
  return null;
}
