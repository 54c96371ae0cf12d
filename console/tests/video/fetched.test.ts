import { describe, expect, it } from 'vitest';

import { going, pieceAt, piecesOf, samePiece } from '@/pages/video/downloads/answers';
import { answerKey, reasonKey, ruleKey } from '@/pages/video/downloads/words';
import { lasted, running } from '@/pages/video/records/answers';
import { whyKey } from '@/pages/video/records/words';
import type { Piece } from '@/pages/video/recordings';

const T = 1_763_800_000_000;
const piece = (channel: number, start: number | null, end: number | null, storage = 1, stream = 1): Piece => ({
  channel, channel_zh: '', channel_en: '', start_at: start === null ? null : T + start, end_at: end === null ? null : T + end, alarm: '0'.repeat(16), media_type: 0, stream, storage, bytes: 1_000,
});
const ITEMS = [piece(1, 600, 1_200), piece(1, 0, 600), piece(1, 0, 1_800, 2, 2), piece(2, 0, 600), piece(1, null, 300), piece(1, 900, 900)];

describe('pieces that lie in a terminal', () => {
  it('are found at a place of the line: main storage before the spare one, and up to the end but not at it', () => {
    expect(pieceAt(ITEMS, 1, T + 599)).toMatchObject({ start_at: T, storage: 1 });
    expect(pieceAt(ITEMS, 1, T + 600)).toMatchObject({ start_at: T + 600 });
    expect(pieceAt(ITEMS, 1, T + 1_500)).toMatchObject({ storage: 2 });
    expect(pieceAt(ITEMS, 1, T + 100, 2)).toMatchObject({ storage: 2 });
    expect([pieceAt(ITEMS, 1, T + 1_800), pieceAt(ITEMS, 3, T)]).toEqual([null, null]);
  });

  it('are listed in their order, without those whose time is none', () => {
    expect(piecesOf(ITEMS, 1).map(({ start_at, storage }) => [start_at - T, storage])).toEqual([[0, 1], [0, 2], [600, 1]]);
  });

  it('are the same by what the terminal says of them, not by what is read again', () => {
    expect(samePiece(piece(1, 0, 600), { ...piece(1, 0, 600), bytes: 7 })).toBe(true);
    expect(samePiece(piece(1, 0, 600), piece(1, 0, 600, 2))).toBe(false);
    expect(samePiece(null, null)).toBe(false);
  });

  it('go on until they have an end', () => {
    expect([going({ ended_at: null }), going({ ended_at: T })]).toEqual([true, false]);
  });
});

describe('a recording', () => {
  it('lasts from its first picture to its end, or to now', () => {
    expect(lasted({ started_at: null, ended_at: null }, T)).toBe(0);
    expect(lasted({ started_at: T, ended_at: null }, T + 5_000)).toBe(5_000);
    expect(lasted({ started_at: T, ended_at: T + 2_000 }, T + 5_000)).toBe(2_000);
    expect((['waiting', 'recording', 'storing', 'done', 'failed', 'refused'] as const).map((state) => running({ state }))).toEqual([true, true, true, false, false, false]);
  });

  it('has words for what the server says of it, and shows what it has none for', () => {
    expect([whyKey('limit'), whyKey('recording'), whyKey('must be online'), whyKey('later')]).toEqual(['reason.limit', 'rule.recording', 'rule.online', null]);
    expect([reasonKey('broken'), answerKey('failure'), ruleKey('is no list of this truck'), ruleKey('later')]).toEqual(['reason.broken', 'answer.failure', 'rule.list', null]);
  });
});
