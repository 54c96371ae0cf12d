import { describe, expect, it } from 'vitest';

import { readAddress, writeAddress } from '@/pages/track/address';
import { keyAction } from '@/pages/track/keys';

describe('the address', () => {
  it('holds everything the page shows and comes back', () => {
    const address = {
      vehicle: 17,
      from: 1763596800000,
      to: 1763618400000,
      at: 1763600000000,
      rate: 16,
      follow: false,
      skip: false,
      raw: true,
    } as const;
    expect(readAddress(writeAddress(address))).toEqual(address);
  });

  it('leaves defaults out', () => {
    expect(writeAddress(readAddress({}))).toEqual({});
  });

  it('takes nothing that is not a number of a vehicle or a time', () => {
    const read = readAddress({ vehicle: '1e3', from: 'yesterday', to: ['1'], at: '-5', rate: '3' });
    expect(read).toMatchObject({ vehicle: null, from: null, to: null, at: null, rate: 4 });
    expect(readAddress({ vehicle: '4294967296' }).vehicle).toBeNull();
  });
});

describe('keys', () => {
  const press = (key: string, within = '', modifiers = {}) =>
    keyAction({
      key,
      ctrlKey: false,
      metaKey: false,
      altKey: false,
      shiftKey: false,
      target: { closest: (selector: string) => (within && selector.includes(within) ? {} : null) } as unknown as EventTarget,
      ...modifiers,
    });

  it('play, go to events, step and change the rate', () => {
    expect(press(' ')).toBe('toggle');
    expect([press('['), press(']')]).toEqual(['previous', 'next']);
    expect([press('ArrowLeft'), press('ArrowRight'), press('ArrowRight', '', { shiftKey: true })]).toEqual([-1, 1, 10]);
    expect([press('ArrowUp'), press('ArrowDown')]).toEqual(['faster', 'slower']);
  });

  it('work with a Chinese keyboard', () => {
    expect([press('【'), press('】')]).toEqual(['previous', 'next']);
  });

  it('are left to text fields, to the browser and to pressed buttons', () => {
    expect(press(' ', 'input')).toBeNull();
    expect(press('[', 'input')).toBeNull();
    expect(press('ArrowLeft', '', { altKey: true })).toBeNull();
    expect(press(' ', 'button')).toBeNull();
    expect(press(']', 'button')).toBe('next');
  });

  it('leave the arrows to the map and to groups of choices', () => {
    expect(press('ArrowLeft', '.maplibregl-canvas')).toBeNull();
    expect(press('ArrowUp', 'radiogroup')).toBeNull();
  });
});
