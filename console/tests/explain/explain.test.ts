import { afterEach, describe, expect, it, vi } from 'vitest';
import { nextTick, ref } from 'vue';

import { digits, hexFault, readAddress, writeAddress } from '@/pages/explain/address';
import type { FieldRow, TracedFrame } from '@/pages/explain/answers';
import { cells, faultRow, lines, shortHex } from '@/pages/explain/bytes';
import { changed, joined, matching, useTail } from '@/pages/explain/tail';

import { mounted } from '../mounted';

const TODAY = '2026-11-20';

const row = (offset: number, length: number, more: Partial<FieldRow> = {}): FieldRow => ({
  offset, length, hex: '', field: 'f', zh: '字段', en: 'field', value: '', note: '', value_en: '', note_en: '', group: 'body', ...more,
});

const frame = (seq: number, more: Partial<TracedFrame> = {}): TracedFrame => ({
  seq, at: seq, way: 'up', hex: '7e0200', outcome: 'taken', reasons: [], gateway: 'gw-0', message_id: 0x0200, serial: 1,
  answers: null, result: null, zh: '', en: '', ...more,
});

describe('address', () => {
  it('takes hex as people paste it, and only digits stay', () => {
    expect(digits(' 7E 02-00,0x7e\n')).toBe('7e02007e');
    expect(digits('7e zz')).toBe('7e zz');
  });

  it('says why a text is no frame', () => {
    expect(hexFault('7e 02')).toBeNull();
    expect(hexFault('7e zz')).toEqual({ kind: 'notHex', at: 4, what: 'z' });
    expect(hexFault('7e0')).toEqual({ kind: 'oddDigits' });
    expect(hexFault('00'.repeat(8193))).toEqual({ kind: 'tooLong' });
  });

  it('survives a round trip and leaves defaults out', () => {
    for (const query of [{}, { hex: '7e027e', frame: '2', reason: 'checksum', profile: 'guangdong' }, { tab: 'stored', vehicle: '7', day: '2026-11-19', id: '0x0900', page: '2', message: '17-0900-1-0' }, { tab: 'trace', vehicle: '7', hex: '7e' }]) {
      expect(writeAddress(readAddress(query, TODAY), TODAY)).toEqual(query);
    }
  });

  it('counts broken values as absent', () => {
    const address = readAddress({ tab: 'x', vehicle: '0', day: '2026-13-01', id: '900', page: '-1', message: '../x', frame: 'a' }, TODAY);
    expect(address).toEqual({ tab: 'paste', hex: '', frame: 0, reason: '', profile: '', vehicle: null, day: '2026-11-20', id: '', message: '', page: 1 });
  });
});

describe('bytes', () => {
  const rows = [row(0, 1, { group: 'frame' }), row(1, 2), row(3, 2)];

  it('gives every byte its field, its edges and its shade', () => {
    const all = cells('7e02007d02', rows, 3);
    expect(all.map((cell) => cell.row)).toEqual([0, 1, 1, 2, 2]);
    expect(all.map((cell) => cell.group)).toEqual(['frame', 'body', 'body', 'body', 'body']);
    expect(all.map((cell) => cell.first)).toEqual([true, true, false, true, false]);
    expect(all.map((cell) => cell.escape)).toEqual([false, false, false, true, true]);
    expect(all.map((cell) => cell.fault)).toEqual([false, false, false, true, false]);
  });

  it('marks the last byte where the fault lies behind the end', () => {
    expect(cells('7e02', rows, 9).map((cell) => cell.fault)).toEqual([false, true]);
    expect(faultRow(rows, 9)).toBe(2);
    expect(faultRow(rows, 1)).toBe(1);
    expect(faultRow(rows, null)).toBe(-1);
  });

  it('breaks lines at the number of columns', () => {
    expect(lines(cells('00'.repeat(17), [], null), 16).map((line) => [line.offset, line.cells.length])).toEqual([['0000', 16], ['0010', 1]]);
  });

  it('cuts long hex', () => {
    expect(shortHex('aa bb')).toBe('AA BB');
    expect(shortHex('1 2 3 4 5 6 7')).toBe('1 2 3 4 5 …');
  });
});

describe('tail', () => {
  it('adds only what is new and keeps a bounded list', () => {
    const first = joined({ frames: [], skipped: 0 }, [frame(1), frame(2)], 0);
    const next = joined(first, [frame(2), frame(5)], 2, 2);
    expect(next.frames.map((one) => one.seq)).toEqual([2, 5]);
    expect(next.skipped).toBe(2);
  });

  it('takes a fate that is told later', () => {
    const lists = joined({ frames: [], skipped: 0 }, [frame(1)], 0);
    expect(changed(lists, [frame(1, { outcome: 'refused' })]).frames[0]?.outcome).toBe('refused');
  });

  it('filters by direction, oddity, message id and bytes', () => {
    const all = [frame(1), frame(2, { way: 'down', message_id: 0x8001, result: 3, hex: '7e8001' }), frame(3, { outcome: 'refused', message_id: null, hex: '7eff' })];
    const seqs = (show: 'all' | 'up' | 'down' | 'odd', text = ''): number[] => matching(all, show, text).map((one) => one.seq);
    expect(seqs('all')).toEqual([1, 2, 3]);
    expect(seqs('down')).toEqual([2]);
    expect(seqs('odd')).toEqual([2, 3]);
    expect(seqs('all', '0x0200')).toEqual([1]);
    expect(seqs('all', 'FF')).toEqual([3]);
  });
});

describe('the tail of a truck', () => {
  class Socket {
    onmessage?: (event: { data: string }) => void;
    onclose?: (event: { code: number; reason: string }) => void;

    constructor() {
      sockets.push(this);
    }

    close(): void {}
  }
  const sockets: Socket[] = [];
  afterEach(() => vi.unstubAllGlobals());
  function opened() {
    sockets.length = 0;
    vi.stubGlobal('location', { protocol: 'http:', host: 'x' });
    vi.stubGlobal('WebSocket', Socket);
    const truck = ref<number | null>(7);
    return { truck, ...mounted(() => useTail(truck)) };
  }

  it('forgets what was paused with the truck that it belongs to', async () => {
    const { truck, it: tail, unmount } = opened();
    sockets[0]!.onmessage!({ data: JSON.stringify({ type: 'frames', skipped: 0, items: [frame(1)] }) });
    tail.frozen.value = tail.lists.value;
    truck.value = 8;
    await nextTick();
    expect([tail.frozen.value, tail.lists.value.frames]).toEqual([null, []]);
    unmount();
  });

  it('says that the server lets nobody look any more, and tries no more', () => {
    const { it: tail, unmount } = opened();
    sockets[0]!.onclose!({ code: 4403, reason: 'forbidden' });
    expect([tail.refused.value, tail.lost.value, sockets.length]).toEqual([true, false, 1]);
    unmount();
  });
});
