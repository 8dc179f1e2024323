// Reads the answers on one connection and compares every byte with the expected body, without keeping any. Answers
// are not pipelined: bytes after the end of an answer are ignored.

const CRLF2 = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);

/** State of the current answer after a chunk. `refused`: the head is not one of the host's, and the connection can not be read any further. */
export type Reading = 'more' | 'right' | 'wrong' | 'refused';

/** The reader of one connection. A 200 with exactly the expected body is right. */
export class AnswerReader {
  readonly #expected: Buffer;
  /** An incomplete head. */
  #pending: Buffer = EMPTY;
  /** Bytes of the body received; -1 until the head is complete. */
  #bodyAt = -1;
  #isRight = true;

  constructor(expected: Buffer) {
    this.#expected = expected;
  }

  /** Takes a chunk. After `right` and `wrong`, the next chunk begins a new answer. */
  push(chunk: Buffer): Reading {
    let at = 0;
    let bytes = chunk;
    if (this.#bodyAt < 0) {
      bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
      const headEnd = bytes.indexOf(CRLF2);
      this.#pending = headEnd < 0 ? bytes : EMPTY;
      if (headEnd < 0) return 'more';
      const head = bytes.toString('latin1', 0, headEnd);
      const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
      // The host never sends another length: there is no point in looking for the end of such an answer.
      if (!head.startsWith('HTTP/1.1 200') || Number(length) !== this.#expected.length) return 'refused';
      at = headEnd + CRLF2.length;
      this.#bodyAt = 0;
    }
    const expected = this.#expected;
    const taken = Math.min(bytes.length - at, expected.length - this.#bodyAt);
    if (bytes.compare(expected, this.#bodyAt, this.#bodyAt + taken, at, at + taken) !== 0) this.#isRight = false;
    this.#bodyAt += taken;
    if (this.#bodyAt < expected.length) return 'more';
    const isRight = this.#isRight;
    this.#bodyAt = -1;
    this.#isRight = true;
    return isRight ? 'right' : 'wrong';
  }
}
