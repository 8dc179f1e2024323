// Which protocols of a client's Upgrade header are offered to hosts. A server may ignore an offer and answer the request
// as if it were not there (RFC 9110, section 7.8). Pure.

import { TOKEN_CHARS } from './grammar.js';

const PROTOCOL = new RegExp(`^[${TOKEN_CHARS}]+(?:/[${TOKEN_CHARS}]+)?$`);

/**
 * Never offered to hosts: other versions of HTTP, whose requests would bypass all rules and which have no upgrade any
 * more (RFC 9113, section 3.1); TLS, which ends at the balancer on each side.
 */
const NEVER_PASSED = /^(?:h[23]c?|http|tls)(?:[/-]|$)/i;

/** The protocols of an Upgrade header that may pass, in the client's order; undefined when none does. */
export function passedOffers(upgrade: string): string | undefined {
  return joined(upgrade.split(',').filter((protocol) => PROTOCOL.test(protocol.trim()) && !NEVER_PASSED.test(protocol.trim())));
}

/** The same without WebSocket, which requires a GET (RFC 6455, section 4.1). */
export function offersWithoutWebSocket(offers: string): string | undefined {
  return joined(offers.split(',').filter((protocol) => protocol.trim().toLowerCase() !== 'websocket'));
}

function joined(protocols: readonly string[]): string | undefined {
  return protocols.length === 0 ? undefined : protocols.map((protocol) => protocol.trim()).join(', ');
}
