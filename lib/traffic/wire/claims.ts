// Claims of origin: headers in which a proxy states where a request came from, that is the client's address and the
// scheme, host, port and path it asked for. Many hosts believe them, so only peers in --trust may send them. Pure.

/** All claims except those that begin with `x-forwarded-`, in lower case. docs/http.md lists them. */
export const CLAIMS: ReadonlySet<string> = new Set([
  // Who the client is.
  'forwarded',
  'forwarded-for',
  'x-forwarded',
  'x-original-forwarded-for',
  'x-real-ip',
  'x-client-ip',
  'client-ip',
  'true-client-ip',
  'x-cluster-client-ip',
  'x-remote-ip',
  'x-remote-addr',
  'x-originating-ip',
  'x-proxyuser-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'fastly-client-ip',
  'fly-client-ip',
  'x-appengine-user-ip',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-envoy-external-address',
  'x-envoy-internal',
  'proxy-client-ip',
  'wl-proxy-client-ip',
  'http-client-ip',
  'http-x-forwarded-for',
  'do-connecting-ip',
  'cloudfront-viewer-address',
  'x-nf-client-connection-ip',
  'x-vercel-forwarded-for',
  'x-sucuri-clientip',
  'incap-client-ip',
  'ali-cdn-real-ip',
  'cdn-src-ip',
  // What it asked for.
  'x-original-url',
  'x-original-uri',
  'x-original-host',
  'x-original-proto',
  'x-original-scheme',
  'x-original-port',
  'x-envoy-original-path',
  'x-envoy-original-host',
  'x-rewrite-url',
  'x-host',
  'x-http-host-override',
  'x-scheme',
  'x-url-scheme',
  'front-end-https',
]);

const PREFIX = 'x-forwarded-';

/** Longer than any claim. */
const TOO_LONG = 32;

/** Whether any claim has this length and first letter: a cheap test that settles most headers. */
const MAY_BE_CLAIM = tableOf(CLAIMS);

function tableOf(names: ReadonlySet<string>): Uint8Array {
  const table = new Uint8Array(TOO_LONG << 8);
  for (const name of names) table[keyOf(name)] = 1;
  return table;
}

function keyOf(name: string): number {
  return (name.length << 8) | (name.charCodeAt(0) | 0x20);
}

/**
 * Whether a header is a claim of origin. Programs that turn headers into variables map `X_Real_IP`, `X.Real.IP` and
 * `X-Real-IP` to the same name, so all of them match.
 */
export function isClaim(name: string): boolean {
  const { length } = name;
  if (length > PREFIX.length && (name.charCodeAt(0) | 0x20) === 0x78 && plain(name.slice(0, PREFIX.length)) === PREFIX) return true;
  return length < TOO_LONG && MAY_BE_CLAIM[keyOf(name)] === 1 && CLAIMS.has(plain(name));
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^0-9a-z]/g, '-');
}
