/** What a key means at the orders. Digits go by their place on the keyboard; what is typed into a field is no key. */

export type OrderKey = { act: 'next' | 'previous' | 'new' | 'note' | 'print' | 'help' } | { act: 'choose'; index: number };

interface Pressed {
  key: string;
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  /** The key is held down. */
  repeat?: boolean;
  target: EventTarget | null;
}

const TYPING = 'input:not([type="radio"]):not([type="checkbox"]), textarea, select, [contenteditable], dialog[open], [role="dialog"]';
const LETTERS: Readonly<Record<string, OrderKey>> = {
  KeyJ: { act: 'next' },
  KeyK: { act: 'previous' },
  KeyC: { act: 'new' },
  KeyN: { act: 'note' },
  KeyP: { act: 'print' },
};

/** Only going through the list goes on while its key is held; all else is done once a press. */
export function orderKey(event: Pressed): OrderKey | null {
  const key = meaning(event);
  return key && event.repeat && key.act !== 'next' && key.act !== 'previous' ? null : key;
}

function meaning(event: Pressed): OrderKey | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.target as Partial<Element> | null;
  if (target?.closest?.(TYPING)) return null;
  if (event.key === '?' || event.key === '？') return { act: 'help' };
  const digit = /^(?:Digit|Numpad)([1-4])$/.exec(event.code)?.[1];
  if (digit) return { act: 'choose', index: Number(digit) - 1 };
  return LETTERS[event.code] ?? null;
}
