// Where a host is, from its URL: one reading for requests and for checks, so that a check goes where requests go.

/** What is needed to connect to a host. */
export interface HostAddress {
  /** A name or an address, without the brackets of IPv6. */
  readonly host: string;
  readonly port: number;
  /** For TLS; empty for an address, since a server name is a name (RFC 6066, section 3). */
  readonly servername: string;
}

/** The address of a host's origin, `http:` or `https:`. */
export function hostAddressOf({ protocol, hostname, port }: URL): HostAddress {
  const host = hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
    servername: /^[\d.]+$|:/.test(host) ? '' : host,
  };
}
