// A real server of gRPC (@grpc/grpc-js) without proto files: messages are bytes, and methods of the four kinds are served.

import type { EventEmitter } from 'node:events';
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerOptions,
} from '@grpc/grpc-js';
import type { CertificatePair } from './certificates.js';

/** The methods of a host, by kind; what is left out is UNIMPLEMENTED. */
export interface GrpcMethods {
  readonly unary?: handleUnaryCall<Buffer, Buffer>;
  readonly clientStream?: handleClientStreamingCall<Buffer, Buffer>;
  readonly serverStream?: handleServerStreamingCall<Buffer, Buffer>;
  readonly bidi?: handleBidiStreamingCall<Buffer, Buffer>;
}

/** A host that speaks gRPC. */
export interface GrpcHost {
  readonly port: number;
  /** `h2://127.0.0.1:…`, or `h2+tls://` with a certificate. */
  readonly url: string;
  /** Calls that have reached it, and those of them that have ended or were cancelled. */
  readonly calls: number;
  readonly ended: number;
  /** Ends all connections at once. */
  crash(): void;
  /** Says GOAWAY, and resolves when the calls in flight have ended. */
  leave(): Promise<void>;
}

/** The path of a kind of call. */
export const PATHS: Readonly<Record<keyof GrpcMethods, string>> = {
  unary: '/test.Echo/Unary',
  clientStream: '/test.Echo/ClientStream',
  serverStream: '/test.Echo/ServerStream',
  bidi: '/test.Echo/Bidi',
};

/** How a message is written and read. */
export const asIs = (bytes: Buffer): Buffer => bytes;

/** No bounds but the balancer's own. */
export const UNBOUNDED = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };

/** What a host does. */
export interface GrpcHostOptions {
  /** With TLS. */
  readonly pair?: CertificatePair;
  readonly port?: number;
  readonly options?: ServerOptions;
}

/** Starts a host; the caller crashes it. */
export async function startGrpcHost(methods: GrpcMethods, { pair, port = 0, options = {} }: GrpcHostOptions = {}): Promise<GrpcHost> {
  const server = new Server({ ...UNBOUNDED, ...options });
  let calls = 0;
  let ended = 0;
  for (const [kind, method] of Object.entries(methods) as [keyof GrpcMethods, (call: EventEmitter, reply: unknown) => void][]) {
    const counted = (call: EventEmitter, reply: unknown): void => {
      calls++;
      call.on('cancelled', () => ended++);
      method(call, reply);
    };
    server.register(PATHS[kind], counted as handleUnaryCall<Buffer, Buffer>, asIs, asIs, kind);
  }
  const credentials =
    pair === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ private_key: Buffer.from(pair.key), cert_chain: Buffer.from(pair.cert) }]);
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, credentials, (error, found) => (error === null ? resolve(found) : reject(error)));
  });
  return {
    port: bound,
    url: `${pair === undefined ? 'h2' : 'h2+tls'}://127.0.0.1:${bound}`,
    get calls() {
      return calls;
    },
    get ended() {
      return ended;
    },
    crash: () => server.forceShutdown(),
    leave: () =>
      new Promise((resolve, reject) => {
        server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
      }),
  };
}

/** Starts a host, hands it out and crashes it. */
export async function withGrpcHost<T>(
  methods: GrpcMethods,
  fn: (host: GrpcHost) => T | Promise<T>,
  options: GrpcHostOptions = {},
): Promise<T> {
  const host = await startGrpcHost(methods, options);
  try {
    return await fn(host);
  } finally {
    host.crash();
  }
}

/** Methods that give back what they get, with the name of the host before it: streams message by message. */
export function echoMethods(name: string): Required<GrpcMethods> {
  const named = (message: Buffer | string): Buffer => Buffer.concat([Buffer.from(`${name}: `), Buffer.from(message)]);
  return {
    unary: ({ request }, reply) => reply(null, named(request)),
    clientStream: (call, reply) => {
      const parts: Buffer[] = [];
      call.on('data', (part: Buffer) => parts.push(part));
      call.on('end', () => reply(null, named(Buffer.concat(parts))));
    },
    // As many messages as the request says.
    serverStream: (call) => {
      const count = Number(call.request.toString());
      for (let i = 0; i < count; i++) call.write(named(String(i)));
      call.end();
    },
    bidi: (call) => {
      call.on('data', (part: Buffer) => void call.write(named(part)));
      call.on('end', () => call.end());
    },
  };
}
