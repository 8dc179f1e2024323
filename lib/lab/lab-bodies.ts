// The bodies that the lab's hosts answer and its loads expect: made the same way on both sides, so that
// every byte can be compared.

/** The length of a small body. */
const BODY_BYTES = 100;

/** The length of a large body: 1 MiB. */
export const BLOB_BYTES = 1 << 20;

/** The body of every small answer of the host with this name. */
export function bodyOf(name: string): string {
  return `${name} `.padEnd(BODY_BYTES - 1, '.').concat('\n');
}

/** A large body without a pattern that could hide a missing or repeated part: xorshift32, four bytes a step. The same seed gives the same bytes. */
export function buildBlob(seed = 1): Buffer {
  const words = new Uint32Array(BLOB_BYTES / 4);
  let state = seed || 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer);
}

/** What a host answers to a body that it has swallowed. */
export function receiptOf(bytes: number): string {
  return `received ${bytes}\n`;
}
