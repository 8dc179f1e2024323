// Counts the messages in the body of a call of gRPC: an answer of more than one is a stream. Only the length before each
// message is looked at (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). Pure.

/** One byte for compression, four for the length. */
const PREFIX_BYTES = 5;

/** The messages of one body, as far as it has come. */
export class GrpcMessages {
  /** How many have begun. */
  count = 0;
  /** Bytes of the present message that are still to come. */
  #left = 0;
  /** Bytes of the present prefix that have come, and the length that they say so far. */
  #prefix = 0;
  #length = 0;

  /** Takes the next part of the body. */
  add(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, bytes.length - at);
        this.#left -= step;
        at += step;
        continue;
      }
      if (this.#prefix === 0) this.count++;
      this.#length = this.#prefix === 0 ? 0 : this.#length * 256 + (bytes[at] as number);
      at++;
      this.#prefix++;
      if (this.#prefix < PREFIX_BYTES) continue;
      this.#left = this.#length;
      this.#prefix = 0;
    }
  }
}
