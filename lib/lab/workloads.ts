// The workloads of `forward`, each with a title, its number of connections, and a check that a proxy passes it
// unchanged before anything is measured.

import { createHash } from 'node:crypto';
import { Agent, type IncomingMessage, request } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { MeercatError } from '../errors.js';
import type { Protocol, WorkloadName } from './context.js';
import { checkGrpc, checkHttp2 } from './http2-checks.js';
import { BLOB_BYTES, buildBlob, receiptOf } from './lab-bodies.js';
import { checkAnswers, type LabHost } from './lab-fleet.js';
import type { Peer } from './peers.js';
import { DOWN_PATH, HASH_PATH } from './raw-host.js';
import { acceptOf, encodeFrame, FrameReader, OPCODE } from './websocket.js';

const ANSWER_TIMEOUT_MS = 10_000;
const TIMES = 3;
const SMALL_TIMES = 50;

/** One workload. */
export interface Workload {
  readonly title: string;
  /** The unit counted, as a noun for the table. */
  readonly unit: 'request' | 'message';
  readonly protocol: Protocol;
  /** Whether the proxies must listen with TLS. */
  readonly isTls: boolean;
  /** Adjusts the number of connections: large bodies and many streams saturate a core with few, and more would only use memory. */
  readonly connectionsOf: (connections: number) => number;
  /** Rejects unless the proxy relays this workload byte by byte in both directions. */
  readonly check: (peer: Peer, host: LabHost) => Promise<void>;
}

/** All workloads. */
export const WORKLOAD_OF: Readonly<Record<WorkloadName, Workload>> = {
  small: {
    title: 'GET of 100 bytes',
    unit: 'request',
    protocol: 'http1',
    isTls: false,
    connectionsOf: (connections) => connections,
    check: ({ name, port }, host) => checkAnswers(name, port, new Set([host.body]), SMALL_TIMES),
  },
  down: { title: '1 MiB down', unit: 'request', protocol: 'http1', isTls: false, connectionsOf: few, check: checkDown },
  up: { title: '1 MiB up', unit: 'request', protocol: 'http1', isTls: false, connectionsOf: few, check: checkUp },
  websocket: {
    title: 'WebSocket, 100 bytes',
    unit: 'message',
    protocol: 'http1',
    isTls: false,
    connectionsOf: (connections) => connections,
    check: checkWebSocket,
  },
  tls: {
    title: 'GET of 100 bytes, TLS 1.3',
    unit: 'request',
    protocol: 'http1',
    isTls: true,
    connectionsOf: (connections) => connections,
    check: checkTls,
  },
  h2: {
    title: 'GET of 100 bytes, HTTP/2 over TLS 1.3',
    unit: 'request',
    protocol: 'h2',
    isTls: true,
    connectionsOf: few,
    check: checkHttp2,
  },
  grpc: {
    title: 'gRPC unary of 100 bytes, TLS 1.3 to clients',
    unit: 'request',
    protocol: 'grpc',
    isTls: true,
    connectionsOf: few,
    check: checkGrpc,
  },
};

function few(connections: number): number {
  return Math.ceil(connections / 4);
}

async function checkDown(peer: Peer): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const blob = buildBlob();
  try {
    for (let i = 0; i < TIMES; i++) {
      const { status, bytes } = await ask(peer.port, 'GET', DOWN_PATH, agent);
      if (status !== 200 || !bytes.equals(blob)) fail(peer, `GET ${DOWN_PATH}`, `status ${status}, ${bytes.length} bytes`);
    }
  } finally {
    agent.destroy();
  }
}

async function checkUp(peer: Peer): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  try {
    for (let i = 0; i < TIMES; i++) {
      const blob = buildBlob(7 + i);
      const hash = createHash('sha256').update(blob).digest('hex');
      for (const [path, expected] of [
        [HASH_PATH, hash],
        ['/up', receiptOf(BLOB_BYTES)],
      ] as const) {
        const { status, bytes } = await ask(peer.port, 'POST', path, agent, blob);
        if (status !== 200 || bytes.toString() !== expected)
          fail(peer, `POST ${path}`, `status ${status}, ${JSON.stringify(bytes.toString('latin1', 0, 120))}`);
      }
    }
  } finally {
    agent.destroy();
  }
}

/** Checks for right responses over TLS 1.3, all on one connection: otherwise handshakes would be measured. */
async function checkTls(peer: Peer, host: LabHost): Promise<void> {
  const agent = new TlsAgent({ keepAlive: true, maxSockets: 1, minVersion: 'TLSv1.3', ...(peer.ca === undefined ? {} : { ca: peer.ca }) });
  const sockets = new Set<unknown>();
  try {
    for (let i = 0; i < SMALL_TIMES; i++) {
      const { status, bytes, socket } = await ask(peer.port, 'GET', '/', agent);
      if (status !== 200 || bytes.toString() !== host.body)
        fail(peer, 'GET / over TLS', `status ${status}, ${JSON.stringify(bytes.toString('latin1', 0, 120))}`);
      const protocol = socket instanceof TLSSocket ? socket.getProtocol() : 'no TLS';
      if (protocol !== 'TLSv1.3') fail(peer, 'GET / over TLS 1.3', String(protocol));
      sockets.add(socket);
    }
    if (sockets.size > 1) fail(peer, 'GET / on a keep-alive connection', `${SMALL_TIMES} requests took ${sockets.size} connections`);
  } finally {
    agent.destroy();
  }
}

/** Sends messages of every length encoding, masked, in one write; then a close frame, which must be answered. */
async function checkWebSocket(peer: Peer): Promise<void> {
  const key = Buffer.from('sixteen bytes ..').toString('base64');
  const socket = await upgrade(peer, key);
  const sent = [1, 100, 125, 126, 1000, 65_535, 65_536, 200_000].map((size) => buildBlob(size).subarray(0, size));
  const reader = new FrameReader();
  const got: { opcode: number; payload: Buffer }[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new MeercatError('MEERCAT_START_FAILED', `${peer.name}: no farewell over a WebSocket after ${got.length} messages`)),
        ANSWER_TIMEOUT_MS,
      );
      const settle = (end: () => void) => (): void => {
        clearTimeout(timer);
        end();
      };
      socket.on('error', settle(resolve)).on('close', settle(resolve)).on('end', settle(resolve));
      socket.on('data', (chunk: Buffer) => got.push(...reader.push(chunk)));
      for (const [index, payload] of sent.entries()) socket.write(encodeFrame(OPCODE.binary, payload, 0x12345678 * (index + 1)));
      socket.write(encodeFrame(OPCODE.close, Buffer.alloc(0), 1));
    });
  } finally {
    socket.destroy();
  }
  const isRight =
    got.length === sent.length + 1 &&
    sent.every((payload, index) => got[index]?.opcode === OPCODE.binary && got[index].payload.equals(payload)) &&
    got.at(-1)?.opcode === OPCODE.close;
  if (!isRight) fail(peer, 'a WebSocket', `${got.length} messages of ${got.map(({ payload }) => payload.length).join(', ')} bytes`);
}

function fail({ name }: Peer, what: string, got: string): never {
  throw new MeercatError('MEERCAT_START_FAILED', `${name} answers ${what} wrongly: ${got}`);
}

function ask(
  port: number,
  method: string,
  path: string,
  agent: Agent,
  body?: Buffer,
): Promise<{ readonly status: number; readonly bytes: Buffer; readonly socket: IncomingMessage['socket'] }> {
  return new Promise((resolve, reject) => {
    const send = agent instanceof TlsAgent ? requestTls : request;
    const asked = send(
      {
        port,
        host: '127.0.0.1',
        method,
        path,
        agent,
        timeout: ANSWER_TIMEOUT_MS,
        headers: body === undefined ? {} : { 'Content-Length': body.length },
      },
      (response) => {
        const chunks: Buffer[] = [];
        const { socket } = response;
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes: Buffer.concat(chunks), socket }));
      },
    );
    asked.on('error', reject).on('timeout', () => asked.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS} ms`)));
    asked.end(body);
  });
}

function upgrade(peer: Peer, key: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key };
    const asked = request({ port: peer.port, host: '127.0.0.1', path: '/echo', headers, timeout: ANSWER_TIMEOUT_MS, agent: false });
    asked.on('error', reject).on('timeout', () => asked.destroy(new Error(`no upgrade within ${ANSWER_TIMEOUT_MS} ms`)));
    asked.on('response', (response) => {
      response.destroy();
      reject(new MeercatError('MEERCAT_START_FAILED', `${peer.name} refuses a WebSocket: status ${response.statusCode}`));
    });
    asked.on('upgrade', (response, socket) => {
      if (response.headers['sec-websocket-accept'] === acceptOf(key)) resolve(socket);
      else reject(new MeercatError('MEERCAT_START_FAILED', `${peer.name} changes a WebSocket's handshake`));
    });
    asked.end();
  });
}
