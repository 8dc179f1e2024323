// Copies of what was read, for the time in which the system has not taken them yet: what both sides read into
// is read into again at once. Large copies are used again, so that a long body makes no garbage.

/** As much as one read brings. */
const SIZE = 64 << 10;

/** So many are kept for the next time. */
const MAX_KEPT = 64;

/** Copies up to this size come from Node's own pool. */
const SMALL = 4 << 10;

const kept: Buffer[] = [];

/** Where a copy can be written: a socket or a response. */
interface Way {
  write(copy: Buffer, onTaken?: () => void): boolean;
}

/**
 * Writes a copy of these bytes; gives whether there is room for more.
 * @param onTaken called when the system has taken them
 */
export function writeCopy(way: Way, bytes: Buffer, onTaken?: () => void): boolean {
  if (bytes.length <= SMALL || bytes.length > SIZE) return way.write(Buffer.from(bytes), onTaken);
  const whole = kept.pop() ?? Buffer.allocUnsafeSlow(SIZE);
  bytes.copy(whole);
  return way.write(whole.subarray(0, bytes.length), () => {
    if (kept.length < MAX_KEPT) kept.push(whole);
    onTaken?.();
  });
}
