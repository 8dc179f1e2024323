// Shapes that pools and routes share: names of pools, fixed answers, and keys by which requests are distinguished.

import { isPoolName, MEDIA_TYPE, POOL_RULE } from '../../redis/names.js';
import { quoted } from './problems.js';
import { either, type Fitted, type KeyRule, needed, object, optional } from './shapes.js';
import { choice, fieldName, integer, parameterName, text } from './value-shapes.js';

/** Longest body of a fixed answer, in characters. */
const MAX_BODY = 64 << 10;

/** The largest number of requests in a limit: it fits 32 bits with a sign. */
export const MAX_LIMIT = 1e9;

/** The name of a pool as a value. */
export const POOL_NAME = text({ wanted: `the name of a pool (${POOL_RULE})`, pattern: /^[A-Za-z0-9][A-Za-z0-9_-]*$/, maxLength: 63 });

/** Names of pools as keys of a map. */
export const POOL_KEYS: KeyRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
  check: (key) => (isPoolName(key) ? undefined : `${quoted(key)} can't be the name of a pool: ${POOL_RULE}`),
};

const body = text({ wanted: 'text', pattern: /^/, maxLength: MAX_BODY });
const mediaType = text({
  wanted: 'a media type such as text/plain',
  pattern: MEDIA_TYPE,
  maxLength: 256,
});

const BODY_FIELDS = {
  body: optional(body, 'The body. Default: none.', ''),
  type: optional(mediaType, 'Its Content-Type. Default: text/plain; charset=utf-8.', 'text/plain; charset=utf-8'),
};

/** An answer that no host gives. */
export const FIXED_ANSWER = object({ status: needed(integer(200, 599), 'The status, 200 to 599.'), ...BODY_FIELDS });
/** The body of an answer that a balancer gives anyway. */
export const OWN_BODY = object(BODY_FIELDS);

const KEY_BY_NAME = {
  header: optional(fieldName, 'The value of this header field.', null),
  cookie: optional(fieldName, 'The value of this cookie.', null),
  query: optional(parameterName, 'The value of this query parameter.', null),
};
/** A key: one of these words, or the name of a field, cookie or parameter. */
export const keyShape = <const Word extends string>(words: readonly Word[]) =>
  either(choice(words), object(KEY_BY_NAME, ['header', 'cookie', 'query']));

/** The name of a field, cookie or parameter whose value is a key. */
export type KeyByName = Fitted<typeof KEY_BY_NAME>;
