import { describe, expect, it } from 'vitest';

import type { CaseDetail, EvidenceFile } from '@/api/cases';
import { curve, offsetText, speedAt, speedRange, speedTicks, timeAt, xOf } from '@/pages/alarms/evidence/axis';
import { reelOf } from '@/pages/alarms/evidence/playing';
import { apart, channelKey, pictureAt, place } from '@/pages/alarms/evidence/shown';
import { speedsOf, wayOf } from '@/pages/alarms/evidence/speeds';

const file = (more: Partial<EvidenceFile>): EvidenceFile => ({
  id: 1, kind: 'picture', channel: 65, name: '', media_type: 'image/jpeg', readable: true, check: {}, announced_bytes: 10, stored_bytes: 10, sm3: '', received_at: 1, state: 'complete', cause: '', ...more,
});
const clip = file({ id: 9, kind: 'video', media_type: 'video/mp4', check: { duration_ms: 10_000, frames: 150 } });

describe('evidence in time', () => {
  it('puts pictures 200 ms apart from the alarm on and the middle of a clip at it', () => {
    const shown = place([file({ id: 1 }), file({ id: 2 }), clip]);
    expect(shown.map(({ from, to }) => [from, to])).toEqual([[0, 0], [200, 200], [-5000, 5000]]);
    expect(shown[2]?.fps).toBe(15);
  });

  it('gives each of merged alarms its own place', () => {
    const alarms = [{ at: 1_000_000, identification: 'aa' }, { at: 1_020_000, identification: 'bb' }];
    const shown = place([file({ id: 1, identification: 'aa' }), file({ id: 2, identification: 'bb' }), file({ id: 3, identification: 'bb' })], alarms, 1_000_000);
    expect(shown.map(({ from }) => from)).toEqual([0, 20_000, 20_200]);
  });

  it('stands where the terminal says it was taken, which names no alarm then', () => {
    const own = place([file({ id: 1, taken_at: 1_002_000 }), { ...clip, id: 2, taken_at: 1_003_000 }], [], 1_000_000);
    expect(own.map(({ from }) => from)).toEqual([2_000, 3_000]);
    expect(own[1]?.to).toBe(13_000);
  });

  it('plays what is here, decodes and is known to browsers', () => {
    const playable = (more: Partial<EvidenceFile>): boolean => place([{ ...clip, ...more }])[0]?.playable ?? true;
    expect(playable({})).toBe(true);
    expect(playable({ state: 'partial' })).toBe(false);
    expect(playable({ readable: false })).toBe(false);
    expect(playable({ media_type: 'video/h264' })).toBe(true);
    expect(playable({ kind: 'audio', media_type: 'audio/amr' })).toBe(false);
    expect(place([file({ state: 'announced', media_type: '', kind: 'video' })])[0]?.kind).toBe('video');
  });

  it('plays from the first clip to the end of the last, ten seconds where there is none', () => {
    expect(reelOf(place([clip]))).toEqual({ from: -5000, to: 5000 });
    expect(reelOf(place([file({})]))).toEqual({ from: -10_000, to: 10_000 });
    expect(reelOf(place([{ ...clip, check: { duration_ms: 200_000 } }]))).toEqual({ from: -60_000, to: 60_000 });
  });

  it('leaves what was recorded or fetched for the case from another time to play by itself', () => {
    const zero = 1_795_000_000_000;
    const [own, later, earlier] = place([clip, { ...clip, id: 10, taken_at: zero + 5_828_000 }, { ...clip, id: 11, taken_at: zero - 10_403_000 }], [], zero);
    expect([own, later, earlier].map((each) => apart(each!))).toEqual([false, true, true]);
    expect(reelOf([own!, later!, earlier!])).toEqual({ from: -5000, to: 5000 });
    expect(apart(place([{ ...clip, taken_at: zero - 65_000 }], [], zero)[0]!)).toBe(false); // its last half lies on the axis
  });

  it('shows the last picture taken by then', () => {
    const pictures = place([file({ id: 1 }), file({ id: 2 }), file({ id: 3 })]);
    expect([pictureAt(pictures, -100), pictureAt(pictures, 0), pictureAt(pictures, 399), pictureAt(pictures, 5000)]).toEqual([0, 0, 1, 2]);
  });

  it('names the cameras of active safety', () => {
    expect([64, 65, 100, 101, 2, 0, null].map(channelKey)).toEqual(['adas', 'dsm', 'adas', 'dsm', 'number', 'none', 'none']);
  });
});

describe('the time line', () => {
  const frame = { width: 620, left: 60, right: 8 };

  it('is one axis for clips, speeds and the pointer', () => {
    expect([xOf(frame, -60_000), xOf(frame, 60_000)]).toEqual([60, 612]);
    expect(timeAt(frame, xOf(frame, 12_345))).toBeCloseTo(12_345, 6);
    expect([timeAt(frame, -50), timeAt(frame, 9_000)]).toEqual([-60_000, 60_000]);
  });

  it('knows a speed between two reports and none where reports lack', () => {
    const points = [{ at: -20_000, kmh: 80 }, { at: 0, kmh: 60 }, { at: 50_000, kmh: 40 }];
    expect(speedAt(points, -10_000)).toBe(70);
    expect(speedAt(points, 25_000)).toBeNull();
    expect(speedAt(points, 55_000)).toBeNull();
    expect(speedAt(points, -20_500)).toBe(80);
    expect(speedAt([], 0)).toBeNull();
  });

  it('draws a scale of round tens that holds the limit', () => {
    expect(speedRange([{ at: 0, kmh: 82 }, { at: 1, kmh: 64 }], 90)).toEqual([50, 100]);
    expect(speedRange([{ at: 0, kmh: 3 }], null)).toEqual([0, 40]);
    expect(speedTicks([50, 100])).toEqual([60, 80, 100]);
  });

  it('breaks the curve where a report is missing', () => {
    const { line, area } = curve([{ at: 0, kmh: 1 }, { at: 10_000, kmh: 2 }, { at: 60_000, kmh: 3 }], (ms) => ms / 1000, (kmh) => kmh, 9);
    expect(line).toBe('M0.0 1.0L10.0 2.0M60.0 3.0');
    expect(area.match(/Z/g)).toHaveLength(2);
  });

  it('says how far from the alarm a moment is', () => {
    expect([offsetText(1_234, 1), offsetText(-60_000), offsetText(-20, 1)]).toEqual(['+1.2 s', '−60 s', '+0.0 s']);
  });

  it('takes speeds and way from the case', () => {
    const detail = { curve: { from: 0, to: 2, alarm_at: 5_000, limit_kmh: null, at: [4_000, 6_000], speed_dkmh: [820, 815] }, around: { at: [1], lat_e6: [23_000_000], lon_e6: [113_000_000] } } as Pick<CaseDetail, 'curve' | 'around'>;
    expect(speedsOf(detail)).toEqual([{ at: -1_000, kmh: 82 }, { at: 1_000, kmh: 81.5 }]);
    expect(wayOf(detail)).toEqual([[113, 23]]);
    expect([speedsOf({ curve: null }), wayOf({ around: null })]).toEqual([[], []]);
  });
});
