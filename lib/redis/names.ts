// What a name may look like. Names of hosts and balancers become parts of keys, of log lines and of
// terminal output, and they come from outside: anything unusual is refused here, once for all.

/** Letters, digits, dot, dash, underscore, colon; starts with a letter or digit; up to 128 characters. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** Whether this is a name that a host or a balancer may have. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && NAME.test(value);
}

/** The random value that a lease was taken with. */
const MASTERSHIP = /^[0-9a-f]{16,64}$/;

/** Whether this is what the identity of a mastership looks like. */
export function isMastership(value: unknown): value is string {
  return typeof value === 'string' && MASTERSHIP.test(value);
}

/** The rule of {@link isName}, for error messages. */
export const NAME_RULE = 'letters, digits and . _ : - only, starting with a letter or digit, at most 128';

/**
 * The origin of an http or https URL (`http://10.0.0.7:8080`), or null when it is anything else:
 * another scheme, user and password, a path, more than 512 characters.
 */
export function originOf(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > 512) return null;
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
