// Finds a cookie in a Cookie header (RFC 6265, section 4.2.1) as a range of the text: no copies, and linear in the
// header's length, whatever it contains.

/** Where the value of the next cookie of this name begins, or -1. @param from a place between cookies: 0, or the end of a value */
export function cookieAt(header: string, name: string, from = 0): number {
  for (let at = from; at < header.length; ) {
    const code = header.charCodeAt(at);
    if (code === SEMICOLON || code === SPACE || code === TAB) {
      at++;
      continue;
    }
    const value = at + name.length + 1;
    if (header.charCodeAt(value - 1) === EQUALS && header.startsWith(name, at)) return value;
    at = nextSemicolon(header, at);
  }
  return -1;
}

/** Where the value that begins at `start` ends. */
export function cookieEnd(header: string, start: number): number {
  let end = nextSemicolon(header, start);
  while (end > start && (header.charCodeAt(end - 1) === SPACE || header.charCodeAt(end - 1) === TAB)) end--;
  return end;
}

const TAB = 0x09;
const SPACE = 0x20;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;

function nextSemicolon(header: string, from: number): number {
  const at = header.indexOf(';', from);
  return at < 0 ? header.length : at;
}
