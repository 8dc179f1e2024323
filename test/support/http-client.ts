// Clients of a balancer: whole requests by Node's own client, and raw bytes on a socket for all that it
// would not send. Every wait has a deadline.

import { Agent, type IncomingMessage, request, type RequestOptions } from 'node:http';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { until } from './until.js';

/** Longer than a machine stalls several times in a row. */
const TIMEOUT_MS = 30_000;

/** One request; GET / without headers by default. */
export interface Asked extends Pick<RequestOptions, 'method' | 'path'> {
  /** A flat list (name, value, …) goes out as it is. */
  readonly headers?: Record<string, string> | readonly string[];
  readonly body?: Buffer | string;
  /** Connections to be kept; each request has one of its own otherwise. */
  readonly agent?: Agent;
}

/** One answer, whole. */
export interface Answered {
  readonly status: number;
  readonly reason: string;
  readonly headers: IncomingMessage['headers'];
  /** As they came: name, value, name, value, … */
  readonly rawHeaders: readonly string[];
  readonly bytes: Buffer;
  readonly body: string;
}

/** Sends a request and reads the whole answer. Rejects when the answer is cut off, or after 30 s. */
export function ask(port: number, { body, headers = {}, agent, ...options }: Asked = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, agent: agent ?? false, headers: headers as Record<string, string>, ...options });
    outgoing.setTimeout(TIMEOUT_MS, () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const bytes = Buffer.concat(chunks);
        const { statusCode = 0, statusMessage = '', headers: parsed, rawHeaders } = incoming;
        resolve({ status: statusCode, reason: statusMessage, headers: parsed, rawHeaders, bytes, body: bytes.toString('latin1') });
      });
    });
    outgoing.end(body);
  });
}

/** A context per CA: building one costs more than the handshake. */
const contexts = new Map<string, SecureContext>();

function contextOf(ca: string): SecureContext {
  const context = contexts.get(ca) ?? createSecureContext({ ca });
  contexts.set(ca, context);
  return context;
}

/** A bare connection: what came so far, and how it ended. */
export class RawClient {
  readonly socket: Socket;
  text = '';
  hasEnded = false;
  isClosed = false;

  /** @param ca who vouches for the other side, over TLS; undefined for plain TCP */
  constructor(port: number, ca?: string) {
    const where = { port, host: '127.0.0.1', allowHalfOpen: true };
    this.socket = ca === undefined ? connect(where) : connectTls({ ...where, secureContext: contextOf(ca), ALPNProtocols: ['http/1.1'] });
    this.socket.on('data', (chunk) => (this.text += chunk.toString('latin1')));
    this.socket.on('error', () => undefined);
    this.socket.on('end', () => (this.hasEnded = true));
    this.socket.on('close', () => (this.isClosed = true));
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Resolves with the match when what came fits. */
  async receives(pattern: RegExp): Promise<RegExpExecArray> {
    return until(() => pattern.exec(this.text), {
      timeoutMs: TIMEOUT_MS,
      what: () => `${pattern} in ${JSON.stringify(this.text.slice(0, 2000))}`,
    });
  }

  /** Resolves with all that came, when the other side has ended or closed. */
  async ends(): Promise<string> {
    await until(() => this.hasEnded || this.isClosed, {
      timeoutMs: TIMEOUT_MS,
      what: () => `the end after ${JSON.stringify(this.text.slice(0, 2000))}`,
    });
    this.socket.destroy();
    return this.text;
  }
}

/** Opens a bare connection, hands it out, and destroys it. */
export async function withRaw<T>(port: number, fn: (raw: RawClient) => T | Promise<T>, ca?: string): Promise<T> {
  const raw = new RawClient(port, ca);
  try {
    return await fn(raw);
  } finally {
    raw.socket.destroy();
  }
}

/** Sends bytes and gives all that came back until the other side ended. */
export function exchangeRaw(port: number, text: string): Promise<string> {
  return withRaw(port, (raw) => raw.send(text).ends());
}

/** What became of a load's requests. */
export interface Load {
  /** Answered with 200 so far. */
  served: number;
  /** What went wrong so far: a status, or an error's code. */
  readonly failures: string[];
  /** Answers so far, by their body. */
  readonly bodies: Map<string, number>;
}

/**
 * Sends GETs, a few at a time and one after the other, for as long as `fn` runs; then lets them finish.
 */
export async function withLoad<T>(port: number, fn: (load: Load) => Promise<T>): Promise<T> {
  const load: Load = { served: 0, failures: [], bodies: new Map() };
  const agent = new Agent({ keepAlive: true });
  const stage = { isOver: false };
  const send = async (): Promise<void> => {
    while (!stage.isOver) {
      await ask(port, { agent }).then(
        ({ status, body }) => {
          if (status === 200) load.served++;
          else load.failures.push(String(status));
          load.bodies.set(body, (load.bodies.get(body) ?? 0) + 1);
        },
        (error: NodeJS.ErrnoException) => void load.failures.push(error.code ?? error.message),
      );
      // About 200 requests a second: enough to notice a failure, and little enough to leave a small machine its CPU.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const senders = Promise.all(Array.from({ length: 4 }, send));
  try {
    return await fn(load);
  } finally {
    stage.isOver = true;
    await senders;
    agent.destroy();
  }
}
