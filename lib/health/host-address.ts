// Parses a host's address from its URL, in one place for requests and checks, so that checks go where requests go.

/** Where to connect to reach a host. */
export interface HostAddress {
  /** A name or an address, without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** Whether its URL says HTTP/2: `h2:` or `h2+tls:`. */
  readonly isHttp2: boolean;
  /** For TLS; empty for an IP address, which is no valid server name (RFC 6066, section 3). */
  readonly servername: string;
}

/**
 * The address of a host's origin, `http:`, `https:`, `h2:` or `h2+tls:`.
 * @param authority the name that DNS found the address by, perhaps with a port: the server name of TLS
 */
export function hostAddressOf({ protocol, hostname, port }: URL, authority?: string): HostAddress {
  const host = hostname.replace(/^\[|\]$/g, '');
  const isTls = protocol === 'https:' || protocol === 'h2+tls:';
  return {
    host,
    port: port === '' ? (isTls ? 443 : 80) : Number(port),
    isTls,
    isHttp2: protocol.startsWith('h2'),
    servername: authority?.replace(/:\d+$/, '') ?? (/^[\d.]+$|:/.test(host) ? '' : host),
  };
}

/** The origin of a host's URL; `URL.origin` is `null` for schemes that it does not know. */
export function hostOrigin({ protocol, host }: URL): string {
  return `${protocol}//${host}`;
}
