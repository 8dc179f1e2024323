// The ids of requests: how a balancer makes them, which ids of others it keeps, and which balancer made one. What decides
// whether a sender is believed is not here.

/** An id of 1 to 128 characters that neither ends a header line nor needs quotes in a log. */
const ID = /^[A-Za-z0-9._~+/=:@-]{1,128}$/;

const OWN_ID = /^([0-9a-f]{8})-[0-9a-z]{1,11}$/;

/** What an id is, as a phrase for messages. */
export const REQUEST_ID_RULE = '1 to 128 letters, digits and . _ ~ + / = : @ -';

/** Whether this can be the id of a request, whoever made it. */
export function isRequestId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

/** The id that a balancer makes: `85972bd5-1f`. @param prefix unique to this start of the balancer @param number of the request, from 1 */
export function requestIdOf(prefix: string, number: number): string {
  return `${prefix}-${number.toString(36)}`;
}

/** The prefix of an id that a balancer may have made; undefined: it is another one's. */
export function prefixOf(id: string): string | undefined {
  return OWN_ID.exec(id)?.[1];
}
