import { describe, expect, it } from 'vitest';

import { Hold } from '@/parts/hold';

function watched(): { hold: Hold; told: boolean[] } {
  const told: boolean[] = [];
  return { hold: new Hold((on) => told.push(on)), told };
}

describe('what is held', () => {
  it('is on from the press to the release, whatever a key repeats', () => {
    const { hold, told } = watched();
    hold.press('key');
    hold.press('key');
    hold.press('key');
    hold.release('key');
    expect([told, hold.on]).toEqual([[true, false], false]);
  });

  it('stays on while another finger or key still holds it', () => {
    const { hold, told } = watched();
    hold.press('pointer 1');
    hold.press('key');
    hold.release('pointer 1');
    expect(hold.on).toBe(true);
    hold.release('key');
    expect(told).toEqual([true, false]);
  });

  it('is let go when the window goes away, unless it was switched on', () => {
    const { hold, told } = watched();
    hold.press('key');
    hold.letGo();
    hold.toggle();
    hold.letGo();
    expect([told, hold.on]).toEqual([[true, false, true], true]);
    hold.toggle();
    expect(hold.on).toBe(false);
  });

  it('ends once and for all, and a late release says nothing', () => {
    const { hold, told } = watched();
    hold.toggle();
    hold.press('key');
    hold.end();
    hold.release('key');
    hold.end();
    expect(told).toEqual([true, false]);
  });
});
