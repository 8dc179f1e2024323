// The authority of a request: the name (or address) and port that a client asks for, in Host or in an absolute target
// (RFC 3986, section 3.2; RFC 9110, section 4.2.3). Pure.

/** The port that a scheme has when none is written. */
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** A scheme that targets may have. */
export type Scheme = keyof typeof DEFAULT_PORTS;

/** A port up to 65535, or nothing: a program that keeps only 16 bits would take a larger one for another port. */
const PORT = '(?:\\d{0,4}|[0-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])';

/** host [":" port]: a name, an IPv4 address, or an IPv6 address in brackets; not empty, and without a user. */
const AUTHORITY = new RegExp(`^(?:\\[[0-9A-Fa-f:.]{2,45}\\]|[0-9A-Za-z._~!$&'()*+,;=%-]{1,255})(?::${PORT})?$`);

/** Whether a text is an authority. */
export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text);
}

/** An authority in its normal form: lower case, and no port if it is empty or the scheme's default. */
export function usualAuthority(authority: string, scheme: Scheme): string {
  const lower = authority.toLowerCase();
  const colon = portAt(lower);
  if (colon < 0) return lower;
  const port = lower.slice(colon + 1);
  const name = lower.slice(0, colon);
  return port === '' || Number(port) === DEFAULT_PORTS[scheme] ? name : `${name}:${Number(port)}`;
}

/** Whether two authorities are equivalent under a scheme, whatever their spelling. */
export function isSameAuthority(one: string, other: string, scheme: Scheme): boolean {
  const [first, second] = [usualAuthority(one, scheme), usualAuthority(other, scheme)];
  return first === second || (first.startsWith('[') && second.startsWith('[') && shortest(first) === shortest(second));
}

/** Where the colon before the port is; -1 without one. */
function portAt(authority: string): number {
  const colon = authority.lastIndexOf(':');
  return colon > authority.lastIndexOf(']') ? colon : -1;
}

/** An authority with its IPv6 address in the shortest form. Anything that is not an address stays as it is. */
function shortest(authority: string): string {
  try {
    return new URL(`http://${authority}/`).host;
  } catch {
    return authority;
  }
}
