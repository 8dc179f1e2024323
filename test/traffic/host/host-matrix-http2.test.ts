// The matrix of hosts with a client of HTTP/2: whatever a host of HTTP/1 sends, a stream ends as the client of HTTP/1 would
// see it, and other streams of the connection go on. And hosts of HTTP/2 whose answers break off, for clients of both.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLAG, FRAME } from '../../../lib/traffic/wire/http2-frames.js';
import { withBalancer } from '../../support/fleet.js';
import type { Field } from '../../support/hpack.js';
import { asPost, Present, type WatchedClient } from '../../support/host-stage.js';
import { RawClient } from '../../support/http-client.js';
import { dataFrame, goaway, headersFrame, type RawHttp2, resetFrame, withRawHttp2, withRawHttp2Host } from '../../support/http2-frames.js';
import { endOf } from '../../support/http2-turns.js';
import { withRawHost } from '../../support/raw-host.js';
import { readAnswer } from '../../support/reference-answer.js';
import { until } from '../../support/until.js';
import type { HostAnswer } from './host-answers.js';
import { BODY_ANSWERS } from './host-answers-bodies.js';
import { HEAD_ANSWERS } from './host-answers-heads.js';

const test = suite('host matrix over HTTP/2');

/** A stream of a client. */
class Stream implements WatchedClient {
  readonly #client: RawHttp2;
  readonly #id: number;

  constructor(client: RawHttp2, id: number) {
    this.#client = client;
    this.#id = id;
  }

  /** What came, as far as it shows that something did: a letter for a head, and the body. */
  get text(): string {
    const own = this.#client.frames.filter(({ streamId }) => streamId === this.#id);
    return own.map(({ type, payload }) => (type === FRAME.data ? payload.toString('latin1') : type === FRAME.headers ? 'H' : '')).join('');
  }

  get isClosed(): boolean {
    return this.#client.isClosed;
  }

  get body(): string {
    const data = this.#client.frames.filter(({ type, streamId }) => type === FRAME.data && streamId === this.#id);
    return Buffer.concat(data.map(({ payload }) => payload)).toString('latin1');
  }

  ask(method: string, path: string): Promise<number | string> {
    const fields: Field[] = [
      [':method', method],
      [':scheme', 'http'],
      [':path', path],
      [':authority', 'x'],
    ];
    const isPost = method === 'POST';
    this.#client.send(headersFrame(this.#id, fields, isPost ? 0 : FLAG.endStream));
    if (isPost) this.#client.send(dataFrame(this.#id, 'body', true));
    return endOf(this.#client, this.#id);
  }
}

/** The streams of one connection, one after the other. */
function streamsOf(client: RawHttp2): () => Stream {
  let lastId = -1;
  return () => new Stream(client, (lastId += 2));
}

/** Everything that is wrong with what came of one entry. */
async function faultsOf(answer: HostAnswer, present: Present, nextStream: () => Stream): Promise<string[]> {
  const { gets, asked, method } = answer;
  const stream = nextStream();
  Object.assign(present, { acts: answer.acts, client: stream, connections: [] });
  const faults: string[] = [];
  const end = await stream.ask(method, '/entry');
  if (gets === 'cut') {
    if (typeof end === 'number') faults.push(`it took for whole: ${end} ${stream.body}`);
  } else {
    const isBody = typeof gets.body === 'string' ? gets.body === stream.body : gets.body.test(stream.body);
    if (end !== gets.status || !isBody) faults.push(`it got ${end} ${JSON.stringify(stream.body.slice(0, 200))}`);
  }
  const expected = method === 'POST' ? 1 : asked;
  const hosts = new Set(present.connections.map((each) => each.port)).size;
  if (hosts !== expected) faults.push(`${hosts} hosts were asked`);
  const next = nextStream();
  const served = await next.ask('GET', '/good');
  if (served !== 200 || next.body !== 'good') faults.push(`the next stream got ${served} ${next.body}`);
  return faults.map((fault) => `${method} ${answer.name}: ${fault}`);
}

async function run(answers: readonly HostAnswer[]): Promise<void> {
  const present = new Present();
  await withRawHost(present.onData, (one) =>
    withRawHost(present.onData, (two) =>
      withBalancer(
        {
          statics: [one, two].map(({ url }, i) => ({ name: `h${i}`, url })),
          isH2cAccepted: true,
          ejectAfter: 1_000_000,
          retryBudgetPercent: 100,
        },
        (each) =>
          withRawHttp2(each.port, {}, async (client) => {
            const nextStream = streamsOf(client);
            const faults: string[] = [];
            for (const answer of answers) faults.push(...(await faultsOf(answer, present, nextStream)));
            assert.is(faults.join('\n'), '');
            assert.is(each.counter('internal_errors'), 0);
          }),
      ),
    ),
  );
}

/** What depends on the client's version has no equal. */
const ALL = [...HEAD_ANSWERS, ...BODY_ANSWERS].filter(({ version }) => version === '1.1').map(asToHttp2);

/** A status above 599 does not exist in HTTP/2: the client is told that the host's answer is bad. */
function asToHttp2(answer: HostAnswer): HostAnswer {
  const { gets } = answer;
  return gets === 'cut' || gets.status < 600 ? answer : { ...answer, gets: { status: 502, body: /"MEERCAT_BAD_RESPONSE"/ } };
}

test('whatever a host sends, a client of HTTP/2 never takes an incomplete answer for a whole one', () => run(ALL));

test('whatever a host sends, a POST over HTTP/2 is delivered once', () => run(asPost(ALL)));

const HEAD = (id: number, ...more: readonly Field[]): Buffer => headersFrame(id, [[':status', '200'], ...more], 0);
const OF_FIVE: Field = ['content-length', '5'];

/** What a host of HTTP/2 has sent of an answer when it breaks off. */
const BEGUN: readonly (readonly [string, (id: number) => readonly Buffer[]])[] = [
  ['after its head', (id) => [HEAD(id, OF_FIVE)]],
  ['after a byte of a body with a length', (id) => [HEAD(id, OF_FIVE), dataFrame(id, 'h')]],
  ['before the last byte of a body with a length', (id) => [HEAD(id, OF_FIVE), dataFrame(id, 'hell')]],
  ['within a body without a length', (id) => [HEAD(id), dataFrame(id, 'hello')]],
  ['after an empty frame', (id) => [HEAD(id), dataFrame(id, '')]],
];

/** How it breaks off. */
const ENDS: readonly (readonly [string, (connection: RawHttp2, id: number) => void])[] = [
  ['the end of the connection', ({ socket }) => void socket.end()],
  ['a reset of the connection', ({ socket }) => void socket.resetAndDestroy()],
  ['RST_STREAM INTERNAL_ERROR', (connection, id) => void connection.send(resetFrame(id, 'INTERNAL_ERROR'))],
  ['RST_STREAM CANCEL', (connection, id) => void connection.send(resetFrame(id, 'CANCEL'))],
  // RFC 9113, section 8.1: without an error this still is no whole answer.
  ['RST_STREAM NO_ERROR', (connection, id) => void connection.send(resetFrame(id, 'NO_ERROR'))],
  ['GOAWAY with an error', (connection, id) => void connection.send(goaway(id, 'INTERNAL_ERROR')).socket.end()],
];

/** Asks over HTTP/1; resolves to `whole` or `cut`. */
async function askOverHttp1(raw: RawClient, method: string): Promise<string> {
  raw.send(`${method} /entry HTTP/1.1\r\nHost: x\r\n${method === 'POST' ? 'Content-Length: 4\r\n\r\nbody' : '\r\n'}`);
  const read = (): string => readAnswer(raw.text, method, raw.hasEnded ? 'end' : raw.isClosed ? 'broken' : 'open').state;
  await until(() => read() !== 'more', { timeoutMs: 10_000, what: () => `an answer that ends: ${JSON.stringify(raw.text)}` });
  raw.socket.destroy();
  return read();
}

for (const method of ['GET', 'POST']) {
  test(`an answer of a host of HTTP/2 that breaks off is whole for no client, and a ${method} is not sent again`, async () => {
    let requests = 0;
    let act: (connection: RawHttp2, id: number) => void = () => undefined;
    await withRawHttp2Host(
      (connection, { type, flags, streamId }) => {
        const isRequest = (type === FRAME.headers || type === FRAME.data) && (flags & FLAG.endStream) !== 0;
        if (!isRequest) return;
        requests++;
        act(connection, streamId);
      },
      (host) =>
        withBalancer({ statics: ['a', 'b'].map((name) => ({ name, url: host.url })), isH2cAccepted: true, ejectAfter: 1_000_000 }, (each) =>
          withRawHttp2(each.port, {}, async (client) => {
            const nextStream = streamsOf(client);
            const faults: string[] = [];
            for (const [where, begin] of BEGUN) {
              for (const [how, end] of ENDS) {
                const stream = nextStream();
                const watched: WatchedClient = stream;
                act = (connection, id) => {
                  connection.send(...begin(id));
                  // The head must have been passed on: before that another host may be asked.
                  void until(() => watched.text !== '', { everyMs: 2 }).then(() => end(connection, id));
                };
                requests = 0;
                const got = await stream.ask(method, '/entry');
                if (typeof got === 'number' || requests !== 1) faults.push(`${where}, ${how}: ${got} over HTTP/2, ${requests} requests`);
                requests = 0;
                act = (connection, id) => {
                  connection.send(...begin(id));
                  void until(() => raw.text !== '', { everyMs: 2 }).then(() => end(connection, id));
                };
                const raw = new RawClient(each.port);
                const state = await askOverHttp1(raw, method);
                if (state !== 'cut' || requests !== 1) faults.push(`${where}, ${how}: ${state} over HTTP/1, ${requests} requests`);
              }
            }
            assert.is(faults.join('\n'), '');
            assert.is(each.counter('internal_errors'), 0);
          }),
        ),
    );
  });
}

test.run();
