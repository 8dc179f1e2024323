// One export over HTTP: POST of a body, and the answer's status, Retry-After and text, within a time and a size. Redirects
// are not followed: the headers may hold a secret.

import { Agent, request, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import { describeFailure } from './failure.js';

/** Longest answer that is read; a collector says only how many spans it refused. */
const MAX_ANSWER_BYTES = 64 << 10;

/** What a collector answered, or why there is no answer. */
export type PostOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfter: string; readonly body: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** Sends bodies to one collector, over one connection that is kept. */
export class Poster {
  readonly #options: RequestOptions;
  readonly #isTls: boolean;
  readonly #agent: Agent;

  /** @param url where to, with its path @param headers of every request, besides those of the body */
  constructor(url: string, headers: Readonly<Record<string, string>>) {
    const { hostname, port, pathname, search, protocol } = new URL(url);
    this.#isTls = protocol === 'https:';
    this.#agent = this.#isTls ? new TlsAgent({ keepAlive: true, maxSockets: 1 }) : new Agent({ keepAlive: true, maxSockets: 1 });
    this.#options = {
      method: 'POST',
      agent: this.#agent,
      hostname: hostname.replace(/^\[|\]$/g, ''),
      path: `${pathname}${search}`,
      headers: { ...headers, 'Content-Type': 'application/json' },
      ...(port !== '' && { port: Number(port) }),
    };
  }

  /** Sends a body; never rejects. @param signal ends the wait */
  post(body: string, timeoutMs: number, signal: AbortSignal): Promise<PostOutcome> {
    return new Promise((resolve) => {
      const bytes = Buffer.from(body);
      const options = { ...this.#options, headers: { ...this.#options.headers, 'Content-Length': bytes.length }, signal };
      const fail = (reason: string): void => resolve({ kind: 'failed', reason });
      const outgoing = (this.#isTls ? requestTls : request)(options, (incoming) => readAnswer(incoming, resolve));
      const timer = setTimeout(() => outgoing.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
      outgoing.on('error', (error) => fail(describeFailure(error)));
      // Also after an answer that is cut off; who has resolved before is not heard again.
      outgoing.on('close', () => {
        clearTimeout(timer);
        fail('the connection was closed');
      });
      outgoing.end(bytes);
    });
  }

  /** Closes the connection. */
  close(): void {
    this.#agent.destroy();
  }
}

function readAnswer(incoming: IncomingMessage, onOutcome: (outcome: PostOutcome) => void): void {
  const { statusCode: status = 0, headers } = incoming;
  const parts: Buffer[] = [];
  let length = 0;
  incoming.on('data', (bytes: Buffer) => {
    length += bytes.length;
    if (length <= MAX_ANSWER_BYTES) parts.push(bytes);
    else incoming.destroy(new Error(`an answer of more than ${MAX_ANSWER_BYTES >> 10} KiB`));
  });
  incoming.on('error', (error) => onOutcome({ kind: 'failed', reason: describeFailure(error) }));
  incoming.on('end', () =>
    onOutcome({ kind: 'answered', status, retryAfter: headers['retry-after'] ?? '', body: Buffer.concat(parts).toString() }),
  );
}
