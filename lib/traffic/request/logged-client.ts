// Which client address the access log shows: behind trusted proxies, the right-most address in X-Forwarded-For (or else
// Forwarded) that is not a trusted proxy. Anything further left was supplied by the client and may be forged.

import { isIP, SocketAddress } from 'node:net';
import { plainAddress } from '../client/trusted.js';
import { TOKEN_CHARS } from '../wire/grammar.js';
import type { ClientFacts } from '../wire/headers.js';

/** Maximum addresses examined: more than any chain of trusted proxies. */
const MAX_HOPS = 32;

/**
 * The client's address. For an untrusted peer it is the peer's own, whatever its headers say. For a trusted peer it is
 * taken from its headers; if they are absent, or malformed or obfuscated to the right of the first untrusted address, it
 * is the peer's own as well. If all addresses are trusted, it is the left-most.
 * @param headers of the request, as a raw list
 */
export function clientAddressOf(
  { address, isTrusted }: Pick<ClientFacts, 'address' | 'isTrusted'>,
  headers: readonly string[],
  isTrustedAddress: (address: string) => boolean,
): string {
  if (!isTrusted) return address;
  const forwardedFor = joined(headers, 'x-forwarded-for');
  if (forwardedFor !== undefined) return rightmost(forwardedFor, readAddress, isTrustedAddress) ?? address;
  const forwarded = joined(headers, 'forwarded');
  return (forwarded !== undefined && rightmost(forwarded, readElement, isTrustedAddress)) || address;
}

/** All lines of a header, joined to one list; undefined without any. */
function joined(headers: readonly string[], name: string): string | undefined {
  let list: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const each = headers[i] as string;
    if (each.length === name.length && each.toLowerCase() === name)
      list = list === undefined ? (headers[i + 1] as string) : `${list},${headers[i + 1]}`;
  }
  return list;
}

/** The first untrusted address from the right; undefined if an element before it is not an address. */
function rightmost(
  list: string,
  read: (element: string) => string | undefined,
  isTrusted: (address: string) => boolean,
): string | undefined {
  let end = list.length;
  for (let hops = 0; hops < MAX_HOPS; hops++) {
    const comma = end === 0 ? -1 : list.lastIndexOf(',', end - 1);
    const address = read(list.slice(comma + 1, end).trim());
    if (address === undefined || comma < 0 || !isTrusted(address)) return address;
    end = comma;
  }
  return undefined;
}

/** An address with an optional port: `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. */
function readAddress(text: string): string | undefined {
  const [, inBrackets, v4] = /^(?:\[([\dA-Fa-f:.]{2,45})\]|([\d.]{7,15}))(?::\d{1,5})?$/.exec(text) ?? [];
  const bare = inBrackets ?? v4 ?? text;
  const family = isIP(bare);
  if (family === 0 || bare.includes('%') || (inBrackets !== undefined && family === 4)) return undefined;
  return family === 4 ? bare : plainAddress(new SocketAddress({ address: bare, family: 'ipv6' }).address);
}

const PAIR = new RegExp(`[ \\t]*([${TOKEN_CHARS}]+)=(?:"((?:[^"\\\\]|\\\\.)*)"|([${TOKEN_CHARS}]+))[ \\t]*(?:;|$)`, 'y');

/**
 * The address in an element of Forwarded, `for="[2001:db8::1]:80";proto=https` (RFC 7239, sections 4 and 6). The element
 * is parsed completely: a client controls the quoted value of `host`, and must not be able to forge a `for` in it.
 */
function readElement(element: string): string | undefined {
  let node: string | undefined;
  for (let at = 0; at < element.length; at = PAIR.lastIndex) {
    PAIR.lastIndex = at;
    const pair = PAIR.exec(element);
    if (pair === null) return undefined;
    const [, name = '', quoted, token] = pair;
    if (name.toLowerCase() !== 'for') continue;
    if (node !== undefined) return undefined;
    node = quoted ?? token;
  }
  return node === undefined ? undefined : readAddress(node);
}
