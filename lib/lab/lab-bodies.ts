// The bodies that the lab's hosts send and its loads expect: generated the same way on both sides, so that every byte
// can be compared.

/** The length of a small body. */
const BODY_BYTES = 100;

/** The length of a large body: 1 MiB. */
export const BLOB_BYTES = 1 << 20;

/** The small body of the host with this name. */
export function bodyOf(name: string): string {
  return `${name} `.padEnd(BODY_BYTES - 1, '.').concat('\n');
}

/** A large pseudo-random body, so that no missing or repeated part goes unnoticed: xorshift32, four bytes per step. The same seed gives the same bytes. */
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

/** A gRPC message that is not compressed: a flag, the length, these bytes. */
export function grpcMessageOf(payload: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(payload.length, 1);
  return Buffer.concat([prefix, payload]);
}

/** The host's response to an uploaded body. */
export function receiptOf(bytes: number): string {
  return `received ${bytes}\n`;
}
