import { describe, expect, it } from 'vitest';

import { withQuery } from '@/api/client';
import { directionName } from '@/format/direction';
import { bytes, count, km, kmh, share } from '@/format/number';
import { plateColor, plateColorName, plateMatch, plateText } from '@/format/plate';
import { ago, clock, date, dateTime, duration, fromWall, headClock, when } from '@/format/time';
import { pagesOf } from '@/pages/monitor/paging';
import { readView, writeView } from '@/pages/monitor/query';

const MOMENT = Date.UTC(2026, 10, 20, 6, 32, 5); // 2026-11-20 14:32:05 in China

describe('time', () => {
  it('is China Standard Time wherever the browser stands', () => {
    expect(clock(MOMENT)).toBe('14:32:05');
    expect(date(Date.UTC(2026, 10, 20, 16, 0, 0))).toBe('2026-11-21');
    expect(dateTime(MOMENT)).toBe('2026-11-20 14:32:05');
    expect(fromWall('2026-11-20', '14:32:05')).toBe(MOMENT);
  });

  it('heads the console as the mock does', () => {
    expect(headClock(MOMENT, 'zh')).toBe('11月20日 周五 14:32:05');
    expect(headClock(MOMENT, 'en')).toBe('Fri 20 Nov 14:32:05');
  });

  it('names the day only when it is another one', () => {
    expect(when(MOMENT, MOMENT + 3_600_000)).toBe('14:32:05');
    expect(when(MOMENT, MOMENT + 86_400_000)).toBe('11-20 14:32:05');
  });

  it('says how long ago in the largest whole unit', () => {
    expect([2, 61, 7300, 200_000].map((s) => ago(s, 'zh'))).toEqual(['2 秒前', '1 分前', '2 小时前', '2 天前']);
    expect(ago(-3, 'en')).toBe('0 s ago');
  });

  it('writes lengths as on a clock', () => {
    expect([9, 123, 3723].map(duration)).toEqual(['0:09', '2:03', '1:02:03']);
  });
});

describe('numbers', () => {
  it('show a dash for what is not known and for a zero denominator', () => {
    expect([count(null), share(1, 0), km(undefined)]).toEqual(['—', '—', '—']);
    expect([count(246_540), share(98_870, 100_000)]).toEqual(['246,540', '98.87%']);
  });

  it('turn wire units into the road’s', () => {
    expect([kmh(644), km(1_283_345), bytes(512), bytes(182_400)]).toEqual(['64', '128,334.5', '512 B', '178 KiB']);
  });
});

describe('plates', () => {
  it('get their dot after the authority letter', () => {
    expect(plateText('粤BD7K92')).toBe('粤B·D7K92');
    expect(plateText('粤B·D7K92')).toBe('粤B·D7K92');
    expect(plateText('粤ADF12345')).toBe('粤A·DF12345');
    expect(plateText('13900000001')).toBe('13900000001');
  });

  it('show an unknown colour as other', () => {
    expect([2, 9, 0, 6].map(plateColor)).toEqual([2, 9, 9, 9]);
  });

  it('name every colour of the registry', () => {
    expect([5, 91, 92, 93, 94].map((color) => plateColorName(color, 'zh'))).toEqual(['绿', '农黄', '农绿', '黄绿', '渐变绿']);
  });

  it('mark a match, also across the dot', () => {
    expect(plateMatch('粤BD7K92', '7k9')).toEqual(['粤B·D', '7K9', '2']);
    expect(plateMatch('粤BD7K92', 'BD7')).toEqual(['粤', 'B·D7', 'K92']);
    expect(plateMatch('粤BD7K92', 'D7K')).toEqual(['粤B·', 'D7K', '92']);
    expect(plateMatch('粤BD7K92', '粤B')).toEqual(['', '粤B', '·D7K92']);
    expect(plateMatch('粤BD7K92', 'X')).toEqual(['粤B·D7K92', '', '']);
  });
});

describe('directions', () => {
  it('are eight words, north around zero', () => {
    expect([0, 52, 350, 180, 359].map((deg) => directionName(deg, 'zh'))).toEqual(['北', '东北', '北', '南', '北']);
  });
});

describe('addresses', () => {
  it('leave out what is not asked', () => {
    expect(withQuery('/api/vehicles', { q: '', city: 440300, county: null, page: 1, state: undefined })).toBe(
      '/api/vehicles?city=440300&page=1',
    );
  });

  it('carry the map view and refuse nonsense', () => {
    expect(writeView({ lon: 113.123456, lat: 23.1, zoom: 9.318 })).toBe('113.12346,23.10000,9.32');
    expect(readView('113.12346,23.1,9.32')).toEqual({ lon: 113.12346, lat: 23.1, zoom: 9.32 });
    for (const bad of ['', '1,2', '1,2,x', '200,2,3', '1,89,3', '1,2,3,4', undefined]) expect(readView(bad)).toBeNull();
    expect(readView('113,23,40')?.zoom).toBe(18);
  });
});

describe('paging', () => {
  it('asks for the pages under the rows on the screen', () => {
    expect(pagesOf(0, 20)).toEqual([1]);
    expect(pagesOf(95, 105)).toEqual([1, 2]);
    expect(pagesOf(-4, 2)).toEqual([1]);
  });
});
