import type { VehicleRow } from '@/api/types';

const MOST = 500;

/** Plates and operators of trucks pointed at; the oldest goes when it is full. */
class TipCache {
  private readonly rows = new Map<number, VehicleRow>();

  get(id: number): VehicleRow | undefined {
    return this.rows.get(id);
  }

  set(id: number, row: VehicleRow): void {
    this.rows.set(id, row);
    if (this.rows.size > MOST) this.rows.delete(this.rows.keys().next().value as number);
  }
}

export const tipCache = new TipCache();
