// A host that keeps every request as a second parser reads it, and answers what the test says: it shows exactly
// what a balancer hands on, byte by byte.

import { withRawHost } from './raw-host.js';
import { readRequests, type ReferenceRequest } from './reference-parser.js';

/** The path of requests that only ask whether all is well; they are not kept. */
export const SENTINEL = '/sentinel';

/** What came since the last look. */
export interface Seen {
  /** Whole requests in the order in which they became whole, each as `seenAs` writes it. */
  readonly requests: readonly string[];
  /** What is left on connections, other than whole requests. */
  readonly rests: readonly string[];
}

/** A running host that keeps what it sees. */
export interface RecordingHost {
  readonly url: string;
  /** Gives what came since the last call, and starts over. */
  take(): Seen;
  /** Connections so far. */
  connections(): number;
}

const CLAIMS =
  /\nX-Forwarded-For: 127\.0\.0\.1\nX-Forwarded-Proto: (https?)\n(?:X-Forwarded-Host: .*\n)?X-Forwarded-Port: \d+\nForwarded: for=127\.0\.0\.1;(?:host=".*";)?proto=\1\nVia: (?:1\.[01]|2\.0) meercat-[0-9a-f]{8}(?=\n|$)/;

/**
 * A request in short: its line and headers, a line each, an empty line and the body if there is one, and then the
 * trailers. What a balancer adds of its own is checked, and becomes `(ours)`, or `(ours, https)` for a client over TLS.
 */
export function seenAs({ line, headers, body, trailers }: ReferenceRequest): string {
  const head = [line, ...headers.map(([name, value]) => `${name}: ${value}`)]
    .join('\n')
    .replace(CLAIMS, (_claims, scheme: string) => (scheme === 'https' ? ' (ours, https)' : ' (ours)'))
    .replace(/\nX-Request-Id: [0-9a-f]{8}-[0-9a-z]+$/, '')
    .replace(/\nConnection: keep-alive$/, '');
  const tail = trailers.length === 0 ? '' : `\n\n${trailers.map(([name, value]) => `${name}: ${value}`).join('\n')}`;
  return body === '' && tail === '' ? head : `${head}\n\n${body}${tail}`;
}

/** Answers as the body says what was got. */
function answerTo({ method, target, body }: ReferenceRequest): string {
  const text = `<${method} ${target.slice(0, 60)} ${body.slice(0, 60)}>`;
  return `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${method === 'HEAD' ? '' : text}`;
}

/** Runs a host that answers each whole request, by default with what it got. */
export async function withRecordingHost<T>(
  fn: (host: RecordingHost) => Promise<T>,
  answer: (request: ReferenceRequest) => string = answerTo,
): Promise<T> {
  let kept: string[] = [];
  return withRawHost(
    (connection) => {
      const { requests, rest } = readRequests(connection.text);
      connection.text = rest;
      for (const request of requests) {
        if (!request.target.startsWith(SENTINEL)) kept.push(seenAs(request));
        connection.socket.write(answer(request), 'latin1');
      }
    },
    (host) =>
      fn({
        url: host.url,
        connections: () => host.connections.length,
        take() {
          const rests = host.connections.map(({ text }) => text).filter((text) => text !== '');
          for (const connection of host.connections) connection.text = '';
          const requests = kept;
          kept = [];
          return { requests, rests };
        },
      }),
  );
}
