// The lines that a balancer itself adds to an answer's head: when it was made, and whether the connection is kept.

/** The connection is kept after the answer. */
export const KEPT = '\r\nConnection: keep-alive';

/** The connection ends with the answer. */
export const CLOSED = '\r\nConnection: close';

/** The last second that was written out: thousands of answers share it. */
let dateSecond = Number.NaN;
let dateText = '';

/** The line that says when an answer was made (RFC 9110, section 5.6.7). */
export function dateLine(): string {
  const nowMs = Date.now();
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = `\r\nDate: ${new Date(nowMs).toUTCString()}`;
  }
  return dateText;
}
