// One balancer that accepts HTTP/2 in plain, a host that records what it gets, and a raw client with one connection, on
// which requests are tried one after the other.

import type { BalancerConfig } from '../../lib/config/config.js';
import { FLAG, FRAME } from '../../lib/traffic/wire/http2-frames.js';
import { withBalancer } from './fleet.js';
import type { Field } from './hpack.js';
import { dataFrame, getFields, headersFrame, type RawHttp2, withRawHttp2 } from './http2-frames.js';
import { type RawConnection, withRawHost } from './raw-host.js';
import { until } from './until.js';

/** What follows a head. */
export interface HttpTurn {
  /** Undefined: the head ends the stream. */
  readonly body?: string;
  readonly trailers?: readonly Field[];
}

/** The stage of a test. */
export interface Http2Target {
  readonly client: RawHttp2;
  readonly lines: readonly string[];
  counter(name: string): number;
  /** Sends a request; gives the status of its answer, or `CODE_OF_RESET`, or what else ended the stream. */
  ask(fields: readonly Field[], turn: HttpTurn): Promise<number | string>;
  /** Resolves when the connection has served a request for `/still`. */
  isServing(): Promise<void>;
  /** The request lines of the requests that the host got in full. */
  wholeRequests(): string[];
}

/** The end of a stream that was malformed. */
export const CODE_OF_RESET = 'RST_STREAM 1';

/**
 * Whether node:http2 itself is stricter, from Node 22 on: a body that breaks its Content-Length ends the connection, and not
 * only the stream, and credentials in :authority are malformed.
 */
export const IS_STRICTER = Number.parseInt(process.versions.node, 10) >= 22;

/** Whether a request ends its connection by a body that is not as long as its head says. */
export const mayEndConnection = (fields: readonly Field[], body: string | undefined): boolean =>
  IS_STRICTER && body !== undefined && fields.some(([name]) => name === 'content-length');

/** The end of a request that ends its connection: GOAWAY with PROTOCOL_ERROR. */
export const CODE_OF_GOAWAY = 'GOAWAY 1';

/** Sets the stage. */
export async function withHttp2Target(overrides: Partial<BalancerConfig>, fn: (target: Http2Target) => Promise<void>): Promise<void> {
  const requests: string[] = [];
  const onData = (connection: RawConnection): void => {
    const { text, socket } = connection;
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
    const isChunked = /\r\ntransfer-encoding: *chunked/i.test(text.slice(0, end));
    if (isChunked ? !/\r\n0\r\n(?:[^\r\n]+\r\n)*\r\n$/.test(text) : text.length < end + 4 + length) return;
    requests.push(text.slice(0, text.indexOf('\r\n')));
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
  };
  await withRawHost(onData, ({ url }) =>
    withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true, logLevel: 'debug', ...overrides }, ({ port, counter, lines }) =>
      withRawHttp2(port, {}, async (client) => {
        let last = -1;
        const ask = async (fields: readonly Field[], { body, trailers }: HttpTurn): Promise<number | string> => {
          last += 2;
          const streamId = last;
          client.send(headersFrame(streamId, fields, body === undefined ? FLAG.endStream : 0));
          if (body !== undefined) client.send(dataFrame(streamId, body, trailers === undefined));
          if (trailers !== undefined) client.send(headersFrame(streamId, trailers));
          return await endOf(client, streamId);
        };
        await fn({
          client,
          lines,
          counter,
          ask,
          isServing: async () => {
            const answer = await ask(STILL, {});
            if (answer !== 200) throw new Error(`the connection does not serve: ${answer}`);
          },
          wholeRequests: () => requests,
        });
      }),
    ),
  );
}

const STILL: readonly Field[] = getFields().map(([name, value]) => [name, name === ':path' ? '/still' : value]);

/** What ended a stream: the status of a whole answer, `CODE_OF_RESET` or another code, or the end of the connection. */
export async function endOf(client: RawHttp2, streamId: number): Promise<number | string> {
  let end: number | string | undefined;
  await until(() => (end = lookForEnd(client, streamId)) !== undefined, { timeoutMs: 10_000, what: `the end of stream ${streamId}` });
  return end as number | string;
}

function lookForEnd({ frames, isClosed }: RawHttp2, streamId: number): number | string | undefined {
  const own = frames.filter((frame) => frame.streamId === streamId);
  // Informational heads come before.
  const status = own.flatMap(({ fields }) => fields).findLast(([name]) => name === ':status')?.[1];
  const isEnded = own.some(({ type, flags }) => (type === FRAME.headers || type === FRAME.data) && (flags & FLAG.endStream) !== 0);
  if (status !== undefined && isEnded) return Number(status);
  const reset = own.find(({ type }) => type === FRAME.rstStream);
  if (reset !== undefined) return `RST_STREAM ${reset.payload.readUInt32BE(0)}`;
  const goaway = frames.find(({ type }) => type === FRAME.goaway);
  if (goaway !== undefined) return `GOAWAY ${goaway.payload.readUInt32BE(4)}`;
  return isClosed ? 'closed' : undefined;
}
