/**
 * The trucks of the current view as columns. A snapshot replaces all, a delta changes, adds or removes rows by vehicle id.
 * Removal moves the last row into the hole, so the rows 0 … size − 1 are always dense and go to the graphics card as they are.
 */
import { AGE_MORE, BIT_ALARM, BIT_LEFT, STATE_MASK, type VehicleFrame } from './frame';

export interface FleetRow {
  id: number;
  lon: number;
  lat: number;
  speedKmh: number;
  /** Degrees clockwise from north, null when unknown. */
  headingDeg: number | null;
  state: number;
  alarm: boolean;
  status: number;
  /** Unix seconds; null when longer ago than the frame can say. */
  receivedS: number | null;
}

export class FleetView {
  size = 0;
  capacity = 1024;
  lonE6 = new Int32Array(this.capacity);
  latE6 = new Int32Array(this.capacity);
  id = new Uint32Array(this.capacity);
  /** Unix seconds of receipt; 0 when longer ago than the frame can say. */
  receivedS = new Uint32Array(this.capacity);
  speedKmh = new Uint8Array(this.capacity);
  heading2 = new Uint8Array(this.capacity);
  status = new Uint8Array(this.capacity);
  /** Grows with every change of any row. */
  revision = 0;
  private readonly rowOf = new Map<number, number>();

  apply(frame: VehicleFrame): void {
    if (frame.kind === 'snapshot') {
      this.rowOf.clear();
      this.size = 0;
    }
    this.reserve(this.size + frame.n);
    for (let i = 0; i < frame.n; i += 1) {
      const id = frame.id[i] as number;
      const status = frame.status[i] as number;
      if (status & BIT_LEFT) {
        this.remove(id);
        continue;
      }
      let row = this.rowOf.get(id);
      if (row === undefined) {
        row = this.size;
        this.size += 1;
        this.rowOf.set(id, row);
        this.id[row] = id;
      }
      const age = frame.ageS[i] as number;
      this.lonE6[row] = frame.lonE6[i] as number;
      this.latE6[row] = frame.latE6[i] as number;
      this.receivedS[row] = age === AGE_MORE ? 0 : frame.base - age;
      this.speedKmh[row] = frame.speedKmh[i] as number;
      this.heading2[row] = frame.heading2[i] as number;
      this.status[row] = status;
    }
    this.revision += 1;
  }

  clear(): void {
    this.rowOf.clear();
    this.size = 0;
    this.revision += 1;
  }

  has(id: number): boolean {
    return this.rowOf.has(id);
  }

  get(id: number): FleetRow | null {
    const row = this.rowOf.get(id);
    return row === undefined ? null : this.at(row);
  }

  at(row: number): FleetRow {
    const heading = this.heading2[row] as number;
    const status = this.status[row] as number;
    return {
      id: this.id[row] as number,
      lon: (this.lonE6[row] as number) / 1e6,
      lat: (this.latE6[row] as number) / 1e6,
      speedKmh: this.speedKmh[row] as number,
      headingDeg: heading === 255 ? null : heading * 2,
      state: status & STATE_MASK,
      alarm: (status & BIT_ALARM) !== 0,
      status,
      receivedS: this.receivedS[row] || null,
    };
  }

  private remove(id: number): void {
    const row = this.rowOf.get(id);
    if (row === undefined) return;
    this.rowOf.delete(id);
    this.size -= 1;
    const last = this.size;
    if (row === last) return;
    for (const column of [
      this.lonE6,
      this.latE6,
      this.id,
      this.receivedS,
      this.speedKmh,
      this.heading2,
      this.status,
    ])
      column[row] = column[last] as number;
    this.rowOf.set(this.id[row] as number, row);
  }

  private reserve(rows: number): void {
    if (rows <= this.capacity) return;
    while (this.capacity < rows) this.capacity *= 2;
    const grow = <A extends Int32Array | Uint32Array | Uint8Array>(column: A): A => {
      const wider = new (column.constructor as new (length: number) => A)(this.capacity);
      wider.set(column);
      return wider;
    };
    this.lonE6 = grow(this.lonE6);
    this.latE6 = grow(this.latE6);
    this.id = grow(this.id);
    this.receivedS = grow(this.receivedS);
    this.speedKmh = grow(this.speedKmh);
    this.heading2 = grow(this.heading2);
    this.status = grow(this.status);
  }
}
