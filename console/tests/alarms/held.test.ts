import { afterEach, describe, expect, it, vi } from 'vitest';

import { heldCases } from '@/pages/alarms/shift/held';

afterEach(() => vi.unstubAllGlobals());

/** A server with so many cases of each stage, 200 a page. */
function serving(counts: Record<string, number>): void {
  vi.stubGlobal('fetch', (path: string) => {
    const { searchParams } = new URL(path, 'http://x');
    const [stage, from] = [searchParams.get('stage') ?? '', Number(searchParams.get('after') ?? 0)];
    const left = (counts[stage] ?? 0) - from;
    const items = Array.from({ length: Math.min(200, left) }, (_, at) => ({ id: `${stage}${from + at}` }));
    return Promise.resolve(new Response(JSON.stringify({ items, next: left > 200 ? String(from + 200) : null })));
  });
}

describe('what is handed over at the end of a shift', () => {
  it('is all that the person holds, not the first page of it', async () => {
    serving({ doing: 450, todo: 201 });
    const { rows, more } = await heldCases();
    expect([rows.length, new Set(rows.map((row) => row.id)).size, more]).toEqual([651, 651, false]);
  });

  it('is no more than goes over at once, and says so', async () => {
    serving({ doing: 1000, todo: 1 });
    const { rows, more } = await heldCases();
    expect([rows.length, more]).toEqual([1000, true]);
  });
});
