// Parses a host's address from its URL, in one place for requests and checks, so that checks go where requests go.

/** Where to connect to reach a host. */
export interface HostAddress {
  /** A name or an address, without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
  /** For TLS; empty for an IP address, which is no valid server name (RFC 6066, section 3). */
  readonly servername: string;
}

/**
 * The address of a host's origin, `http:` or `https:`.
 * @param authority the name that DNS found the address by, perhaps with a port: the server name of TLS
 */
export function hostAddressOf({ protocol, hostname, port }: URL, authority?: string): HostAddress {
  const host = hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    servername: authority?.replace(/:\d+$/, '') ?? (/^[\d.]+$|:/.test(host) ? '' : host),
  };
}
