import { describe, expect, it } from 'vitest';

import type { Entry, FieldForm, ParameterForm } from '../../src/pages/commands/templates/answers';
import { blankBlock, draftsOf, entriesOf, faultsIn, hasBit, numberOf, rangeOf, turned } from '../../src/pages/commands/templates/values';
import { rate, said, stageState } from '../../src/pages/commands/upgrades/words';
import type { OrderVehicle, Stage } from '../../src/pages/commands/upgrades/answers';

const value = { zh: '', en: '', low: 0, high: 255, custom: null, default: null, unit: '', decimals: 0, values: [], bits: [] };
const field = (name: string, more: Partial<FieldForm> = {}): FieldForm => ({ ...value, name, type: 'integer', required: false, ...more });
const parameter = (id: number, more: Partial<ParameterForm> = {}): ParameterForm => ({ ...value, id, group: 'x', clause: '', since: 2011, until: 2019, type: 'integer', ...more });

const interval = parameter(0x29, { low: 1, high: 4294967295, unit: 's' });
const margin = parameter(0x5b, { high: 65535, unit: 'km/h', decimals: 1 });
const adas = parameter(0xf364, {
  type: 'block', sparse: true,
  by_dialect: { yuebiao: [field('volume', { high: 8, default: 6 }), field('speed', { high: 60 })], subiao: [field('volume', { high: 8 })] },
});
const channels = parameter(0x76, {
  type: 'block',
  fields: [field('audio', { required: true }), field('channels', { type: 'list', required: true, fields: [field('kind', { required: true, high: 2 })] })],
});
const coding = parameter(0x75, { type: 'block', fields: [field('coding', { required: true, high: 2, custom: [100, 127] })] });
const forms = new Map([interval, margin, adas, channels, coding].map((each) => [each.id, each]));

describe('values of a template', () => {
  it('come back as they were sent', () => {
    const entries: Entry[] = [
      { id: 0x29, value: 15 },
      { id: 0x5b, value: 55 },
      { id: 0xf364, value: { volume: 4 } },
      { id: 0x76, value: { audio: 1, channels: [{ kind: 2 }] } },
      { id: 0xf001, value: '0a0b' },
    ];
    const drafts = draftsOf(entries, forms, 'yuebiao');
    expect(drafts.get(0x5b)).toBe('5.5');
    expect(drafts.get(0xf364)).toEqual({ volume: '4', speed: '' });
    expect(entriesOf(drafts, forms, 'yuebiao')).toEqual(entries);
  });

  it('are wrong outside their range, where they are no number, and where they must be given', () => {
    expect(faultsIn('0', interval, '').get('')).toEqual({ kind: 'range', low: '1', high: '4294967295' });
    expect(faultsIn('abc', interval, '').get('')).toEqual({ kind: 'number' });
    expect(faultsIn('', interval, '').get('')).toEqual({ kind: 'missing' });
    expect(faultsIn({ volume: '9', speed: '' }, adas, 'yuebiao').get('volume')?.kind).toBe('range');
    expect(faultsIn({ volume: '', speed: '' }, adas, 'yuebiao').size).toBe(0);
    expect(faultsIn({ audio: '', channels: [{ kind: '3' }] }, channels, '')).toEqual(
      new Map([['audio', { kind: 'missing' }], ['channels.0.kind', { kind: 'range', low: '0', high: '2' }]]),
    );
    expect(faultsIn({ coding: '100' }, coding, '').size).toBe(0);
    expect(faultsIn({ coding: '50' }, coding, '').size).toBe(1);
  });

  it('count in the steps of their unit', () => {
    expect(numberOf('5.5', margin)).toBe(55);
    expect(numberOf('5.55', margin)).toBeNull();
    expect(rangeOf(margin)).toBe('0.0–6553.5 km/h');
  });

  it('begin with the defaults of their dialect', () => {
    expect(blankBlock(adas.by_dialect?.yuebiao ?? [])).toEqual({ volume: '6', speed: '' });
  });

  it('hold bits up to the highest of a DWORD', () => {
    expect(hasBit(turned('0', 31), 31)).toBe(true);
    expect(turned(turned('5', 31), 31)).toBe('5');
  });
});

describe('an upgrade order', () => {
  const stage = (number: number, more: Partial<Stage> = {}): Stage => ({
    number, percent: 10, accept_percent: 95, wait_s: 600, stop_failures: 1, vehicles: 10, started_at: 1, ended_at: null, counts: {}, causes: {}, ...more,
  });

  it('shows where each stage stands', () => {
    const order = { stage: 2, state: 'running', cause: '' } as const;
    expect(stageState(stage(1, { ended_at: 2 }), order)).toBe('passed');
    expect(stageState(stage(2), order)).toBe('running');
    expect(stageState(stage(3, { started_at: null }), order)).toBe('waiting');
    expect(stageState(stage(2, { ended_at: 3 }), { ...order, state: 'stopped' })).toBe('ended');
    expect(stageState(stage(2), { stage: 2, state: 'paused', cause: 'stage_done' })).toBe('passed');
  });

  it('has no rate before anybody got the command', () => {
    expect(rate(stage(1))).toBeNull();
    expect(rate(stage(1, { counts: { success: 9, failed: 1, skipped: 5 } }))).toBe('90.00%');
  });

  it('says the proof of a success and the cause of a failure', () => {
    const row = { result: 'success', step: 'over', proof: '0108+version', cause: '', progress: '', waits: '' } as OrderVehicle;
    expect(said(row, 'zh')).toBe('终端报告成功，版本已更新');
    expect(said({ ...row, result: 'failed', cause: 'result_2' }, 'zh')).toBe('终端报告升级取消');
    expect(said({ ...row, result: 'failed', cause: 'no_answer' }, 'en')).toBe('No answer');
    expect(said({ ...row, result: '', step: 'sent', progress: '1 40' }, 'zh')).toBe('40 %');
  });
});
