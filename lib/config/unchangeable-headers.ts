// Header fields that a site's header changes leave alone, since a connection, a message's framing or what Meercat says
// of the client depends on them. One list for the check of a site and for what forwards requests.

/** Headers of requests and answers that never pass (RFC 9110, section 7.6.1, and what hosts read in their stead), in lower case. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'te',
  'proxy',
  'trailer',
  'upgrade',
  'connection',
  'keep-alive',
  'http2-settings',
  'proxy-connection',
  'transfer-encoding',
  'proxy-authenticate',
  'proxy-authorization',
]);

/** What Meercat itself writes into requests, or reads to forward them. */
const OF_REQUESTS: ReadonlySet<string> = new Set([
  'via',
  'host',
  'expect',
  'forwarded',
  'content-length',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-request-id',
  'traceparent',
  'tracestate',
]);

/** What Meercat itself writes into answers. */
const OF_ANSWERS: ReadonlySet<string> = new Set(['date', 'content-length', 'x-request-id']);

/** Whether no header change of a site may name this field. @param name in any letter case */
export function isUnchangeable(name: string, where: 'request' | 'response'): boolean {
  const lower = name.toLowerCase();
  return HOP_BY_HOP.has(lower) || (where === 'request' ? OF_REQUESTS : OF_ANSWERS).has(lower);
}
