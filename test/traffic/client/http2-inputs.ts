// The entries of the matrix of clients as requests over HTTP/2. The pseudo-headers say what the request line and Host say;
// names are in lower case and values without the blanks round them, since both are malformed in HTTP/2 and nothing of the
// entry's point.

import type { Field } from '../../support/hpack.js';
import type { HttpTurn } from '../../support/http2-turns.js';
import { readRequests, type ReferenceRequest } from '../../support/reference-parser.js';
import type { ClientInput } from './client-inputs.js';

/** A request over HTTP/2. */
export interface Http2Input {
  readonly fields: readonly Field[];
  readonly turn: HttpTurn;
}

const LINE = /^([^ \t\r\n]+) ([^ \t\r\n]+) HTTP\/1\.1$/;
const FIELD = /^([^: \t][^:]*):([^]*)$/;

/** The next request on the same connection, which is no part of an entry's own. */
const NEXT = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

const trimmed = (value: string): string => value.replace(/^[ \t]+|[ \t]+$/g, '');

/** The fields of a request; a single Host becomes `:authority`. */
function fieldsOf(method: string, target: string, headers: readonly (readonly [string, string])[]): Field[] {
  const hosts = headers.filter(([name]) => name.toLowerCase() === 'host');
  const isOne = hosts.length === 1;
  return [
    [':method', method],
    [':scheme', 'http'],
    [':path', target],
    ...(isOne ? [[':authority', trimmed(hosts[0]?.[1] ?? '')] as const] : []),
    ...headers
      .filter(([name]) => !(isOne && name.toLowerCase() === 'host'))
      .map(([name, value]) => [name.toLowerCase(), trimmed(value)] as const),
  ];
}

/** What a refused request is over HTTP/2, as literally as can be; null where its point is how HTTP/1 is written. */
export function refusedOverHttp2({ pieces, sees, isCutOff }: ClientInput): Http2Input | null {
  // Chunks, and what follows another request on the connection.
  if (isCutOff || sees.length > 0) return null;
  const text = pieces.join('');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [requestLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const [, method, target] = LINE.exec(requestLine) ?? [];
  const headers = lines.map((line) => FIELD.exec(line)).map((match) => match && ([match[1] ?? '', match[2] ?? ''] as const));
  if (method === undefined || target === undefined || headers.includes(null)) return null;
  const body = text.slice(end + 4).replace(NEXT, '');
  return { fields: fieldsOf(method, target, headers as [string, string][]), turn: body === '' ? {} : { body } };
}

/** Headers of a connection of HTTP/1, which HTTP/2 has not. */
const OF_CONNECTION = /^(?:connection|keep-alive|proxy-connection|transfer-encoding|upgrade|http2-settings)$/i;

/** Fields of trailers that make a request malformed in HTTP/2, where HTTP/1 leaves them behind: those, and a length that DATA belies. */
const NOT_IN_TRAILERS = /^(?:connection|transfer-encoding|content-length)$/i;

/** Whether a request says something that only a connection of HTTP/1 can mean. */
function isOfHttp1({ line, headers }: ReferenceRequest): boolean {
  const options = headers.filter(([name]) => name.toLowerCase() === 'connection').map(([, value]) => value.toLowerCase());
  return (
    !LINE.test(line) ||
    options.some((value) => value !== 'close') ||
    headers.some(([name, value]) => /^(?:upgrade|keep-alive)$/i.test(name) || (/^te$/i.test(name) && value !== 'trailers'))
  );
}

/** Requests that pass, in order; null where one of them is of HTTP/1 alone. */
export function passedOverHttp2({ pieces }: ClientInput): Http2Input[] | null {
  const { requests, rest } = readRequests(pieces.join(''));
  const isEndedBefore = requests
    .slice(0, -1)
    .some(({ headers }) => headers.some(([name, value]) => /^connection$/i.test(name) && value === 'close'));
  // A target with a scheme is the line of a proxy's client, and HTTP/2 has `:scheme` for it.
  if (rest !== '' || isEndedBefore || requests.some((request) => isOfHttp1(request) || /^\w+:/.test(request.target))) return null;
  return requests.map(({ method, target, headers, body, trailers }) => {
    const isWithBody = headers.some(
      ([name, value]) => /^transfer-encoding$/i.test(name) || (/^content-length$/i.test(name) && value !== '0'),
    );
    const own = headers.filter(([name]) => !OF_CONNECTION.test(name));
    const named = trailers.filter(([name]) => !NOT_IN_TRAILERS.test(name)).map(([name, value]): Field => [name.toLowerCase(), value]);
    const turn = { body, ...(named.length === 0 ? {} : { trailers: named }) };
    return { fields: fieldsOf(method, target, own), turn: isWithBody ? turn : {} };
  });
}
