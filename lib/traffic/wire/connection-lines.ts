// The lines that a balancer itself adds to an answer's head: Date and Connection.

/** The connection stays open after the answer. */
export const KEPT = '\r\nConnection: keep-alive';

/** The connection ends with the answer. */
export const CLOSED = '\r\nConnection: close';

/** The last second that was formatted: thousands of answers share it. */
let dateSecond = Number.NaN;
let dateText = '';

/** The Date line for now (RFC 9110, section 5.6.7). */
export function dateLine(): string {
  const nowMs = Date.now();
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = `\r\nDate: ${new Date(nowMs).toUTCString()}`;
  }
  return dateText;
}
