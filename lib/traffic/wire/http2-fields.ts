// Fields of HTTP/2 messages as node:http2 takes them, in latin1. Types only.

import type { HeaderEdit } from './header-edit.js';

/** The fields of a head or of trailers: names in lower case, repeated fields as lists. */
export type Http2Fields = Record<string, string | number | string[]>;

/** What was composed for a head, and the route's changes with which. */
export interface ComposedFields {
  readonly edit: HeaderEdit | undefined;
  readonly fields: Http2Fields;
}
