// A real client of gRPC (@grpc/grpc-js) without proto files, with one connection of its own. It never retries, so that
// nothing that failed is hidden.

import type { EventEmitter } from 'node:events';
import { ChannelCredentials, Client, type ClientOptions, Metadata, type StatusObject } from '@grpc/grpc-js';
import { asIs, PATHS, UNBOUNDED } from './grpc-host.js';

/** How a call ended. */
export interface GrpcEnd {
  readonly code: number;
  readonly details: string;
  readonly trailers: Metadata;
  /** Undefined if the answer was trailers-only. */
  readonly head: Metadata | undefined;
  readonly replies: readonly Buffer[];
}

/** What a call is made with. */
export interface GrpcCallOptions {
  readonly metadata?: Readonly<Record<string, string | Buffer>>;
  /** From now on. */
  readonly deadlineMs?: number;
}

/** A call that runs. */
export interface RunningCall {
  readonly end: Promise<GrpcEnd>;
  /** So far. */
  readonly replies: readonly Buffer[];
  cancel(): void;
  /** Stops and resumes reading; only for streams of replies. */
  pause(): void;
  resume(): void;
  /** Sends a message; only for streams of messages. Returns false when the stream is full. */
  send(message: Buffer | string): boolean;
  /** No more messages follow. */
  finish(): void;
}

/** What the four kinds of calls have in common. */
interface AnyCall extends EventEmitter {
  cancel(): void;
  pause?(): unknown;
  resume?(): unknown;
  write?(message: Buffer): boolean;
  end?(): unknown;
}

type Take = (error: unknown, reply?: Buffer) => void;
type Begin = (metadata: Metadata, options: { deadline?: number }, take: Take) => AnyCall;

/** A client. */
export class GrpcClient {
  readonly #client: Client;

  /**
   * @param ports of balancers: one is used, and another one when that leaves
   * @param ca of the server's certificate; undefined: without TLS
   */
  constructor(ports: readonly [number, ...number[]], ca?: string, options: ClientOptions = {}) {
    const credentials = ca === undefined ? ChannelCredentials.createInsecure() : ChannelCredentials.createSsl(Buffer.from(ca));
    // The name in the certificate; an address can't be one.
    const named =
      ca === undefined ? {} : { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': `localhost:${ports[0]}` };
    const own = { ...named, 'grpc.enable_retries': 0, 'grpc.use_local_subchannel_pool': 1, ...UNBOUNDED };
    this.#client = new Client(`ipv4:${ports.map((port) => `127.0.0.1:${port}`).join()}`, credentials, { ...own, ...options });
  }

  close(): void {
    this.#client.close();
  }

  unary(message: Buffer | string, options: GrpcCallOptions = {}): RunningCall {
    return begin(options, (metadata, call, take) =>
      this.#client.makeUnaryRequest(PATHS.unary, asIs, asIs, Buffer.from(message), metadata, call, take),
    );
  }

  clientStream(options: GrpcCallOptions = {}): RunningCall {
    return begin(options, (metadata, call, take) =>
      this.#client.makeClientStreamRequest(PATHS.clientStream, asIs, asIs, metadata, call, take),
    );
  }

  serverStream(message: Buffer | string, options: GrpcCallOptions = {}): RunningCall {
    return begin(options, (metadata, call) =>
      this.#client.makeServerStreamRequest(PATHS.serverStream, asIs, asIs, Buffer.from(message), metadata, call),
    );
  }

  bidi(options: GrpcCallOptions = {}): RunningCall {
    return begin(options, (metadata, call) => this.#client.makeBidiStreamRequest(PATHS.bidi, asIs, asIs, metadata, call));
  }
}

function begin({ metadata = {}, deadlineMs }: GrpcCallOptions, start: Begin): RunningCall {
  const sent = new Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.add(name, value);
  const replies: Buffer[] = [];
  let head: Metadata | undefined;
  const call = start(sent, deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }, (_error, reply) => {
    if (reply !== undefined) replies.push(reply);
  });
  const end = new Promise<GrpcEnd>((resolve) => {
    call.on('metadata', (said: Metadata) => (head = said));
    call.on('status', ({ code, details, metadata: trailers }: StatusObject) =>
      // The reply of a unary call is handed out after its status.
      setImmediate(() => resolve({ code, details, trailers, head, replies })),
    );
    // The status says it.
    call.on('error', () => undefined);
    if (call.pause !== undefined) call.on('data', (reply: Buffer) => replies.push(reply));
  });
  return {
    end,
    replies,
    cancel: () => call.cancel(),
    pause: () => void call.pause?.(),
    resume: () => void call.resume?.(),
    send: (message) => call.write?.(Buffer.from(message)) ?? false,
    finish: () => void call.end?.(),
  };
}

/** Makes a client, hands it out and closes it. */
export async function withGrpcClient<T>(
  port: number,
  fn: (client: GrpcClient) => T | Promise<T>,
  ca?: string,
  options: ClientOptions = {},
): Promise<T> {
  const client = new GrpcClient([port], ca, options);
  try {
    return await fn(client);
  } finally {
    client.close();
  }
}
