/** Cuts a stream of samples into blocks of one length, as a codec wants them. */
export class Blocks {
  private readonly block: Float32Array<ArrayBuffer>;
  private filled = 0;

  /** Throws RangeError for a block of no sample. */
  constructor(readonly length: number) {
    if (!Number.isInteger(length) || length <= 0) throw new RangeError(`block of ${length} samples`);
    this.block = new Float32Array(length);
  }

  push(samples: Float32Array): Float32Array<ArrayBuffer>[] {
    const done: Float32Array<ArrayBuffer>[] = [];
    for (let from = 0; from < samples.length;) {
      const some = samples.subarray(from, from + this.length - this.filled);
      this.block.set(some, this.filled);
      this.filled += some.length;
      from += some.length;
      if (this.filled === this.length) {
        done.push(this.block.slice());
        this.filled = 0;
      }
    }
    return done;
  }
}
