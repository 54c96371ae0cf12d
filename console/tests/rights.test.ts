import { describe, expect, it } from 'vitest';

import { browserName } from '@/pages/me/browser';
import { actName } from '@/pages/system/audit/acts';
import type { Matrix } from '@/pages/system/answers';
import { cellOf, mannersOf, ofRoles, put, toSend } from '@/pages/system/rights/matrix';
import { areaOf, limitOf, within } from '@/shell/area';
import { plates } from '@/shell/grants';
import { wantedOf } from '@/shell/lifting';
import { firstPage, menuOf } from '@/shell/menu';

const matrix = {
  kinds: [{ code: 'vehicle', zh: '车辆', en: 'vehicles', group: 'vehicle', group_zh: '车辆', acts: ['read', 'export', 'write'] }],
  manners: [
    { code: 'none', zh: '无', en: 'none', sign: '–' },
    { code: 'own', zh: '辖区', en: 'own', sign: '◐' },
  ],
  cells: [{ role: 'city', kind: 'vehicle', act: 'read', manner: 'own', narrow: '' }],
} as unknown as Matrix;

describe('the matrix of rights', () => {
  it('shows the sign of reading and a pencil where anything may be changed', () => {
    const manners = mannersOf(matrix);
    expect(cellOf(manners, new Map(), matrix, 'city', 'vehicle')).toEqual({ manner: 'own', sign: '◐', writes: false, changed: false });
    expect(cellOf(manners, new Map(), matrix, 'viewer', 'vehicle').sign).toBe('–');
    const changes = put(new Map(), manners, 'city vehicle write', 'own');
    expect(cellOf(manners, changes, matrix, 'city', 'vehicle')).toMatchObject({ writes: true, changed: true });
    expect(toSend(changes)).toEqual([{ role: 'city', kind: 'vehicle', act: 'write', manner: 'own' }]);
    expect(put(changes, manners, 'city vehicle write', 'none').size).toBe(0);
  });
});

describe('changes of rights that are not saved yet', () => {
  it('stay when another role is made or removed', () => {
    const changes = new Map([['city_officer video read', 'none'], ['gone video read', 'full']] as const);
    expect([...ofRoles(changes, [{ code: 'city_officer' }, { code: 'city' }]).keys()]).toEqual(['city_officer video read']);
  });
});

describe('menu and area by right', () => {
  it('lists the pages this console has, in the order of the server', () => {
    expect(menuOf(['monitor', 'quality', 'assets', 'nothing'])).toEqual(['monitor', 'assets']);
    expect(firstPage('/assets', ['monitor', 'assets'])).toBe('/assets');
    expect(firstPage('/quality', ['track', 'assets'])).toBe('/track');
    expect(firstPage('/roadside', [])).toBe('/me');
  });

  it('keeps a city to itself, and lets an insurer of a city look everywhere', () => {
    const of = (kind: string) => limitOf({ organisation: { id: 1, kind, name: '' }, city: 440300, county: null });
    expect(of('city')).toEqual({ city: 440300, county: null });
    expect(of('police')).toEqual({ city: 440300, county: null });
    expect(of('insurer')).toEqual({ city: null, county: null });
    expect(limitOf(null)).toEqual({ city: null, county: null });
  });
});

describe('the county of an address', () => {
  it('is none where it lies in another city', () => {
    expect(within(440300, 440305)).toBe(440305);
    expect(within(441900, 441900003)).toBe(441900003);
    expect(within(440300, 440106)).toBeNull();
    expect(within(null, 440106)).toBe(440106);
  });
});

describe('the area that an address means', () => {
  const whole = { city: null, county: null };
  const known = (city: number): boolean => [440100, 440300, 441900].includes(city);

  it('is one that the picker can show', () => {
    expect(areaOf({ city: 440300, county: 440305 }, whole, known)).toEqual({ city: 440300, county: 440305 });
    expect(areaOf({ city: 999900, county: null }, whole, known)).toEqual(whole);
    expect(areaOf({ city: 999900, county: 440305 }, whole, known)).toEqual(whole);
    expect(areaOf({ city: 441900, county: 441900003 }, whole, known)).toEqual({ city: 441900, county: 441900003 });
    expect(areaOf({ city: 440100, county: 440305 }, whole, known)).toEqual({ city: 440100, county: null });
  });

  it("is never wider than the account's own", () => {
    expect(areaOf({ city: 440100, county: 440105 }, { city: 440300, county: null }, known)).toEqual({ city: 440300, county: null });
    expect(areaOf({ city: 440100, county: 440105 }, { city: 440300, county: 440305 }, known)).toEqual({ city: 440300, county: 440305 });
  });
});

describe('a refusal that can be lifted', () => {
  it('asks for the trucks that the body names', () => {
    const refused = { rule: 'reason_required', field: 'video' };
    expect(wantedOf(refused, '/api/commands', { kind: 'photo', vehicles: [7, 8] })).toEqual({ kind: 'reason', row: 'video', vehicle: 7, others: [8] });
    expect(wantedOf(refused, '/api/video/streams', { vehicle_id: 9 })).toEqual({ kind: 'reason', row: 'video', vehicle: 9 });
    expect(wantedOf(refused, '/api/commands', { phones: ['139'] }).vehicle).toBeNull();
  });

  it('names the row of the rights table and the truck of the address', () => {
    expect(wantedOf({ rule: 'reason_required', field: 'track' }, '/api/vehicles/7/track?from=1')).toEqual({ kind: 'reason', row: 'position', vehicle: 7 });
    expect(wantedOf({ rule: 'reason_required', field: 'position' }, '/api/vehicles?city=440300')).toEqual({ kind: 'reason', row: 'position', vehicle: null });
    expect(wantedOf({ rule: 'reauthenticate', field: '' }, '/api/users').kind).toBe('proof');
  });

  it('reads plates as a person lists them', () => {
    expect(plates('粤B·12345，粤a67890\n')).toEqual(['粤B12345', '粤A67890']);
  });
});

describe('words of the log', () => {
  it('are found by noun and act, and stay as logged where there are none', () => {
    expect(actName('vehicle.change')).toBe('车辆 · 修改');
    expect(actName('bridge.cross')).toBe('bridge · cross');
  });

  it('shorten a user agent', () => {
    expect(browserName('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36')).toBe('Chrome 130 · Linux');
    expect(browserName('python-httpx/0.28.1')).toBe('python-httpx');
  });
});
