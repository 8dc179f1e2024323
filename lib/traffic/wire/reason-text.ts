// How a reason is written: what was wrong with a message, in a few words. What a client or host sent is quoted, cut short
// and escaped: a reason is printable ASCII, and nobody can forge a line of a log with one. Pure.

/** The longest reason, in characters. */
export const MAX_REASON = 120;

/** How much of a name or value is quoted. */
const MAX_QUOTED = 40;

/** A name as a reason quotes it. Never to be called with what may be a secret. */
export function quote(text: string): string {
  const shown = text.slice(0, MAX_QUOTED).replace(/[^ !#-[\]-~]/g, escaped);
  return `"${shown}${text.length > MAX_QUOTED ? '...' : ''}"`;
}

/** The value of a framing header. Where a line end was lost, another header follows in it: its value is left out. */
export function quoteValue(text: string): string {
  const end = text.search(/:(?!\d)/);
  return end < 0 ? quote(text) : `${quote(text.slice(0, Math.min(end, MAX_QUOTED))).slice(0, -1)}..."`;
}

/** One byte of a message: `"("`, or `0x00` where it has no shape. */
export function describeByte(code: number): string {
  return code > 0x20 && code < 0x7f ? `"${String.fromCharCode(code)}"` : `0x${code.toString(16).padStart(2, '0')}`;
}

/** A text from anywhere as a reason: printable ASCII, of bounded length. */
export function boundReason(text: string): string {
  const ascii = text.slice(0, 4 * MAX_REASON).replace(/[^ -~]/g, escaped);
  return ascii.length <= MAX_REASON ? ascii : `${ascii.slice(0, MAX_REASON - 3)}...`;
}

/** A character as `\xHH`; what is no single byte as `\uHHHH`. */
function escaped(character: string): string {
  const code = character.charCodeAt(0);
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** A size in whole units, rounded up: `512 bytes`, `40 KiB`. */
export function describeSize(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${Math.ceil(bytes / 1024)} KiB`;
}

/** What Node 24 adds to errors of certificates: advice to who writes programs. */
const NODE_HINT = /; if the root CA is installed locally.*$/s;

/**
 * Why something failed that the system, TLS or a name lookup reports, with the code where the message lacks it.
 * Empty when there is no error.
 */
export function describeError(error: unknown): string {
  if (error === null || error === undefined) return '';
  // Several addresses were tried; the error itself may say nothing.
  if (error instanceof AggregateError && error.errors.length > 0) return boundReason(error.errors.map(describeError).join('; '));
  if (!(error instanceof Error)) return boundReason(String(error));
  const { code = '', reason = '', library = '' } = error as Error & { code?: string; reason?: string; library?: string };
  // OpenSSL's own messages hold pointers and file names.
  const message = library !== '' && reason !== '' ? `TLS: ${reason}` : error.message.replace(NODE_HINT, '').replace(/\s+/g, ' ').trim();
  if (code === '' || message.includes(code)) return boundReason(message || error.name);
  return boundReason(`${message.slice(0, MAX_REASON - code.length - 3)} (${code})`);
}
