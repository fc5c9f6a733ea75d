// A job is what one client sent in one go: the bytes as its package handed
// them to its transport, one piece a write.
export class Job {
  constructor() { this.pieces = []; }
  // write takes what the package writes; pause is how long it waits before, in ms.
  write(data, pause = 0) {
    const bytes = Buffer.isBuffer(data) ? data : typeof data === 'string' ? Buffer.from(data, 'binary') : Buffer.from(data);
    if (bytes.length > 0) this.pieces.push({ bytes, pause });
    return this;
  }
  // cut divides what was written as a transport does: at most size bytes a
  // write, with a pause between the writes.
  cut(size, pause = 0) {
    const whole = this.pieces;
    this.pieces = [];
    for (const p of whole) {
      for (let i = 0; i < p.bytes.length; i += size) {
        this.write(p.bytes.subarray(i, i + size), i === 0 ? p.pause : pause);
      }
    }
    return this;
  }
  get bytes() { return Buffer.concat(this.pieces.map(p => p.bytes)); }
}
