/** Everything the page shows stands in the address, so that a view can be shared. Defaults are left out. */
import { RATES } from './replay';
import type { Rate } from './replay';
import { timeOf } from './range';

export interface TrackAddress {
  vehicle: number | null;
  from: number | null;
  to: number | null;
  /** Replay position. */
  at: number | null;
  rate: Rate;
  follow: boolean;
  /** Pass over stops and gaps. */
  skip: boolean;
  /** Every point as it was received. */
  raw: boolean;
}

const RATE: Rate = 4;

export function readAddress(query: Record<string, unknown>): TrackAddress {
  const vehicle = timeOf(query.vehicle);
  return {
    vehicle: vehicle !== null && vehicle <= 0xffff_ffff ? vehicle : null,
    from: timeOf(query.from),
    to: timeOf(query.to),
    at: timeOf(query.at),
    rate: RATES.find((rate) => String(rate) === query.rate) ?? RATE,
    follow: query.follow !== '0',
    skip: query.skip !== '0',
    raw: query.raw === '1',
  };
}

export function writeAddress(address: TrackAddress): Record<string, string> {
  const query: Record<string, string> = {};
  if (address.vehicle !== null) query.vehicle = String(address.vehicle);
  if (address.from !== null) query.from = String(address.from);
  if (address.to !== null) query.to = String(address.to);
  if (address.at !== null) query.at = String(Math.round(address.at));
  if (address.rate !== RATE) query.rate = String(address.rate);
  if (!address.follow) query.follow = '0';
  if (!address.skip) query.skip = '0';
  if (address.raw) query.raw = '1';
  return query;
}
