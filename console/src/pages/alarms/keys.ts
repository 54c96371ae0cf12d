/** What a key means at the alarm desk. Digits go by their place on the keyboard, so that Shift leaves them what they are. */

export type Verdict = 'confirm' | 'hand_over' | 'false_alarm' | 'close' | 'undecidable';

export type KeyAction =
  | { act: 'next' | 'previous' | 'toggle' | 'help' | 'note' | 'reply' | 'reason' | 'slower' | 'faster' | 'start' | 'claim' | 'snooze' | 'none' }
  | { act: 'frame'; step: number }
  | { act: 'measure'; index: number }
  | { act: 'correction'; index: number }
  | { act: 'verdict'; verdict: Verdict; next: boolean };

export const VERDICTS: readonly Verdict[] = ['confirm', 'hand_over', 'false_alarm', 'close', 'undecidable'];

interface Pressed {
  key: string;
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  /** The key is held down. */
  repeat?: boolean;
  target: EventTarget | null;
}

const TYPING = 'input, textarea, select, [contenteditable], dialog[open], [role="dialog"], .el-picker-panel';
const PRESSABLE = 'button, a, [role="tab"]';
const ARROWS_OF_ITS_OWN = '[role="tablist"], [role="radiogroup"], .maplibregl-canvas, [role="slider"]';

const LETTERS: Readonly<Record<string, KeyAction>> = {
  KeyJ: { act: 'next' },
  KeyK: { act: 'previous' },
  KeyN: { act: 'note' },
  KeyR: { act: 'reason' },
  KeyD: { act: 'reply' },
  KeyL: { act: 'claim' },
  KeyS: { act: 'snooze' },
  KeyT: { act: 'none' },
  KeyQ: { act: 'measure', index: 0 },
  KeyW: { act: 'measure', index: 1 },
  KeyE: { act: 'measure', index: 2 },
  KeyZ: { act: 'correction', index: 0 },
  KeyX: { act: 'correction', index: 1 },
  KeyC: { act: 'correction', index: 2 },
  KeyA: { act: 'start' },
};

/** What may go on while its key is held: going through the list, stepping through a clip. All else is done once a press. */
const GOES_ON = ['next', 'previous', 'frame'];

export function keyAction(event: Pressed): KeyAction | null {
  const action = meaning(event);
  return action && event.repeat && !GOES_ON.includes(action.act) ? null : action;
}

function meaning(event: Pressed): KeyAction | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.target as Partial<Element> | null;
  const within = (selector: string): boolean => !!target?.closest?.(selector);
  if (within(TYPING)) return null;
  if (event.key === '?' || event.key === '？') return { act: 'help' };
  const digit = /^(?:Digit|Numpad)([1-5])$/.exec(event.code)?.[1];
  if (digit) return { act: 'verdict', verdict: VERDICTS[Number(digit) - 1] as Verdict, next: event.shiftKey };
  if (event.key === ' ') return within(PRESSABLE) ? null : { act: 'toggle' };
  if (event.key === '[' || event.key === '【') return { act: 'slower' };
  if (event.key === ']' || event.key === '】') return { act: 'faster' };
  if (event.code in LETTERS) return LETTERS[event.code] ?? null;
  if (within(ARROWS_OF_ITS_OWN)) return null;
  if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
    const way = event.key === 'ArrowLeft' ? -1 : 1;
    return { act: 'frame', step: event.shiftKey ? way * 25 : way };
  }
  return null;
}
