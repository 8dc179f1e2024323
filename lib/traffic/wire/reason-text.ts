// How a reason is written: what was wrong with a message, in a few words. Input from a client or host is quoted, cut
// short and escaped: a reason is printable ASCII and cannot be used to forge log lines. Pure.

/** The longest reason, in characters. */
export const MAX_REASON = 120;

/** How much of a name or value is quoted. */
const MAX_QUOTED = 40;

/** Quotes a name. Never call it with anything that may be a secret. */
export function quote(text: string): string {
  const shown = text.slice(0, MAX_QUOTED).replace(/[^ !#-[\]-~]/g, escaped);
  return `"${shown}${text.length > MAX_QUOTED ? '...' : ''}"`;
}

/** Quotes the value of a framing header. If a line end got lost, another header follows in the value: it is cut off before that one's own value. */
export function quoteValue(text: string): string {
  const end = text.search(/:(?!\d)/);
  return end < 0 ? quote(text) : `${quote(text.slice(0, Math.min(end, MAX_QUOTED))).slice(0, -1)}..."`;
}

/** One byte of a message: `"("`, or `0x00` if it is not printable. */
export function describeByte(code: number): string {
  return code > 0x20 && code < 0x7f ? `"${String.fromCharCode(code)}"` : `0x${code.toString(16).padStart(2, '0')}`;
}

/** Any text as a reason: printable ASCII, of bounded length. */
export function boundReason(text: string): string {
  const ascii = text.slice(0, 4 * MAX_REASON).replace(/[^ -~]/g, escaped);
  return ascii.length <= MAX_REASON ? ascii : `${ascii.slice(0, MAX_REASON - 3)}...`;
}

/** A character as `\xHH`, or `\uHHHH` if it does not fit in a byte. */
function escaped(character: string): string {
  const code = character.charCodeAt(0);
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** A size in whole units, rounded up: `512 bytes`, `40 KiB`. */
export function describeSize(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${Math.ceil(bytes / 1024)} KiB`;
}

/** Advice for programmers that Node 24 appends to certificate errors. */
const NODE_HINT = /; if the root CA is installed locally.*$/s;

/**
 * Describes an error of the system, of TLS or of a name lookup; adds the error code if the message lacks it.
 * Empty when there is no error.
 */
export function describeError(error: unknown): string {
  if (error === null || error === undefined) return '';
  // Several addresses were tried; the error itself may say nothing.
  if (error instanceof AggregateError && error.errors.length > 0) return boundReason(error.errors.map(describeError).join('; '));
  if (!(error instanceof Error)) return boundReason(String(error));
  const { code = '', reason = '', library = '' } = error as Error & { code?: string; reason?: string; library?: string };
  // OpenSSL's own messages contain pointers and file names.
  const message = library !== '' && reason !== '' ? `TLS: ${reason}` : error.message.replace(NODE_HINT, '').replace(/\s+/g, ' ').trim();
  if (code === '' || message.includes(code)) return boundReason(message || error.name);
  return boundReason(`${message.slice(0, MAX_REASON - code.length - 3)} (${code})`);
}
