import { describe, expect, it } from 'vitest';

import { readWall, readWanted, writeWall } from '@/pages/video/address';
import { added, LIST_MAX, readPatrol, removed, rounds, wallOf } from '@/pages/video/patrol';
import { clear, emptyWall, enlarge, gridFor, hang, neighbour, regrid, shown, swap, tileOf } from '@/pages/video/wall';
import type { Slot, Wall } from '@/pages/video/wall';

const slot = (vehicle: number, channel = 1): Slot => ({ vehicle, channel });
const names = (wall: Wall): string => wall.slots.map((each) => (each ? `${each.vehicle}.${each.channel}` : '-')).join(' ');

describe('the wall', () => {
  it('hangs one channel where it was dropped, whatever hung there', () => {
    const wall = hang(hang(emptyWall(4), [slot(1)], 2), [slot(2)], 2);
    expect(names(wall)).toBe('- - 2.1 -');
    expect(wall.chosen).toBe(3);
  });

  it('hangs the channels of a truck into empty tiles and chooses the next', () => {
    const wall = hang(hang(emptyWall(4), [slot(9)], 1), [slot(1, 1), slot(1, 2), slot(1, 3)], 1);
    expect(names(wall)).toBe('1.3 9.1 1.1 1.2');
  });

  it('grows for a truck while it is empty', () => {
    const wall = hang(emptyWall(1), [1, 2, 3, 4, 5].map((channel) => slot(1, channel)));
    expect([wall.grid, names(wall)]).toEqual([9, '1.1 1.2 1.3 1.4 1.5 - - - -']);
    expect(wall.chosen).toBe(5);
  });

  it('shows nothing twice: what hangs already is chosen', () => {
    const wall = hang(emptyWall(4), [slot(1), slot(1), slot(2)]);
    expect(names(wall)).toBe('1.1 2.1 - -');
    const again = hang(wall, [slot(1)]);
    expect([names(again), again.chosen]).toEqual(['1.1 2.1 - -', 0]);
  });

  it('keeps what it can when it shrinks', () => {
    const wall = hang(hang(emptyWall(9), [slot(1)], 0), [slot(2)], 8);
    expect(names(regrid(wall, 4))).toBe('1.1 2.1 - -');
    expect(names(regrid(wall, 1))).toBe('1.1');
    expect(names(regrid(regrid(wall, 4), 16)).startsWith('1.1 2.1')).toBe(true);
  });

  it('enlarges what hangs, and puts it back', () => {
    const wall = hang(emptyWall(4), [slot(1)], 0);
    expect(enlarge(wall, 1).enlarged).toBeNull();
    expect(enlarge(wall, 0).enlarged).toBe(0);
    expect(enlarge(enlarge(wall, 0), 0).enlarged).toBeNull();
    expect(enlarge(hang(emptyWall(1), [slot(1)]), 0).enlarged).toBeNull();
  });

  it('takes down and changes places', () => {
    const wall = hang(emptyWall(4), [slot(1), slot(2)]);
    expect(names(swap(wall, 0, 3))).toBe('- 2.1 - 1.1');
    expect(names(clear(wall, 0))).toBe('- 2.1 - -');
    expect(clear(enlarge(wall, 0), 0).enlarged).toBeNull();
    expect([shown(wall).length, tileOf(wall, slot(2)), tileOf(wall, slot(3))]).toEqual([2, 1, -1]);
  });

  it('is walked by arrow keys, never past its edges', () => {
    const wall = { ...emptyWall(9), chosen: 4 };
    expect(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'].map((key) => neighbour(wall, key))).toEqual([3, 5, 1, 7]);
    expect(['ArrowLeft', 'ArrowUp'].map((key) => neighbour({ ...wall, chosen: 0 }, key))).toEqual([0, 0]);
    expect(neighbour({ ...wall, chosen: 2 }, 'ArrowRight')).toBe(2);
    expect(neighbour({ ...wall, chosen: 8 }, 'ArrowDown')).toBe(8);
  });

  it('is as large as it must be', () => {
    expect([1, 2, 4, 5, 9, 10, 40].map(gridFor)).toEqual([1, 4, 4, 9, 9, 16, 16]);
  });
});

describe('the address', () => {
  it('holds the wall and gives it back', () => {
    const wall = enlarge(hang(hang(emptyWall(9), [slot(12, 1)], 0), [slot(15, 2)], 3), 3);
    expect(writeWall(wall)).toEqual({ grid: '9', tiles: '12.1,,,15.2', full: '4' });
    const read = readWall(writeWall(wall));
    expect([read && names(read), read?.enlarged]).toEqual([names(wall), 3]);
    expect(readWall(writeWall(emptyWall(16)))?.grid).toBe(16);
  });

  it('of anything else is no wall, and no truck', () => {
    expect(readWall({})).toBeNull();
    expect(readWall({ grid: '5' })).toBeNull();
    expect(names(readWall({ grid: '4', tiles: '1.1,x.2,1.1,99999999999.1,1.2' }) as Wall)).toBe('1.1 - - -');
    expect(readWall({ grid: '4', tiles: '1.1', full: '2' })?.enlarged).toBeNull();
    expect(readWanted({ vehicle: '-3' })).toBeNull();
    expect(readWanted({ vehicle: ['3'] })).toBeNull();
  });

  it('may ask for one truck', () => {
    expect(readWanted({ vehicle: '12', channel: '2', purpose: ' 报警核实 ' })).toEqual({ vehicle: 12, channel: 2, purpose: '报警核实', about: null });
    expect(readWanted({ vehicle: '12', channel: '99' })).toEqual({ vehicle: 12, channel: null, purpose: '', about: null });
  });
});

describe('a patrol', () => {
  const patrol = added({ list: [], intervalS: 30 }, [1, 2, 3, 4, 5].map((vehicle) => slot(vehicle)));

  it('shows its list wall by wall and begins again', () => {
    expect(rounds(patrol, 4)).toBe(2);
    expect([0, 1, 2].map((round) => names(wallOf(patrol, emptyWall(4), round)))).toEqual(['1.1 2.1 3.1 4.1', '5.1 - - -', '1.1 2.1 3.1 4.1']);
  });

  it('holds each channel once and no more than it may', () => {
    expect(added(patrol, [slot(1), slot(6), slot(6)]).list).toHaveLength(6);
    expect(added(patrol, Array.from({ length: 500 }, (_, place) => slot(place + 100))).list).toHaveLength(LIST_MAX);
    expect(removed(patrol, slot(3)).list.map((each) => each.vehicle)).toEqual([1, 2, 4, 5]);
  });

  it('is read back, but for what is none', () => {
    expect(readPatrol(JSON.parse(JSON.stringify(patrol)))).toEqual(patrol);
    expect(readPatrol({ list: [{ vehicle: 1 }, 7, null, { vehicle: 2, channel: 3 }], intervalS: 1 })).toEqual({ list: [{ vehicle: 2, channel: 3 }], intervalS: 30 });
    expect(readPatrol(null).list).toEqual([]);
  });
});
