// The URL of a host: which ones are accepted, and the one way in which each is written.

/** The schemes that say HTTP/2. What follows is read as after `http:` or `https:`: `URL` does not normalize schemes that it does not know. */
const HTTP2_SCHEME = /^h2(\+tls)?:(?=\/\/[^/\\])/i;

/** The forms of a host's URL, for error messages. */
export const ORIGIN_RULE = 'http://host:port or https://host:port, or for HTTP/2 h2://host:port or h2+tls://host:port';

/**
 * The origin of a host's URL (`http://10.0.0.7:8080`; also `https:`, `h2:` and `h2+tls:`), or null when it is anything
 * else: another scheme, user and password, a path, more than 512 characters.
 */
export function originOf(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > 512) return null;
  const scheme = HTTP2_SCHEME.exec(value);
  if (scheme !== null) {
    const isTls = scheme[1] !== undefined;
    const origin = originOf((isTls ? 'https:' : 'http:') + value.slice(scheme[0].length));
    return origin === null ? null : `${isTls ? 'h2+tls' : 'h2'}:${origin.slice(origin.indexOf('//'))}`;
  }
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return null;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null;
  if (url.username !== '' || url.password !== '' || url.pathname !== '/' || url.search !== '' || url.hash !== '') return null;
  return url.hostname === '' || url.port === '0' ? null : url.origin;
}

/** A host's origin with the scheme that everybody knows: `http:` for `h2:`, and `https:` for `h2+tls:`. */
export function webOrigin(origin: string): string {
  return origin.replace(HTTP2_SCHEME, (_, tls: string | undefined) => (tls === undefined ? 'http:' : 'https:'));
}
