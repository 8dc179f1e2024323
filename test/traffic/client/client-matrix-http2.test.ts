// The matrix of clients over HTTP/2: the entries that have an equivalent there, on one connection that must go on serving,
// in front of a host that speaks HTTP/1 and of one that speaks HTTP/2.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { errorCodeOf, FLAG, FRAME } from '../../../lib/traffic/wire/http2-frames.js';
import { withBalancer } from '../../support/fleet.js';
import { encodeFields, type Field } from '../../support/hpack.js';
import { continuationFrame, dataFrame, frame, getFields, headersFrame, type RawHttp2, withRawHttp2 } from '../../support/http2-frames.js';
import { type Http2Handler, withHttp2Host } from '../../support/http2-host.js';
import { CODE_OF_GOAWAY, CODE_OF_RESET, endOf, mayEndConnection } from '../../support/http2-turns.js';
import { SENTINEL, seenAs, withRecordingHost } from '../../support/recording-host.js';
import type { ClientInput } from './client-inputs.js';
import { BODY_INPUTS } from './client-inputs-bodies.js';
import { HEAD_INPUTS } from './client-inputs-heads.js';
import { PASSED_INPUTS } from './client-inputs-passed.js';
import { type Http2Input, passedOverHttp2, refusedOverHttp2 } from './http2-inputs.js';

const test = suite('client matrix over HTTP/2');

/** What came back on a stream. */
interface Got {
  readonly end: number | string;
  readonly body: string;
}

/** The largest payload that a peer takes without having said so (RFC 9113, section 6.5.2). */
const MAX_FRAME_BYTES = 16_384;

/** HEADERS, and as many CONTINUATION frames as a large head needs. */
function headFrames(id: number, fields: readonly Field[], isLast: boolean): Buffer[] {
  const block = encodeFields(fields);
  const flags = isLast ? FLAG.endStream : 0;
  if (block.length <= MAX_FRAME_BYTES) return [headersFrame(id, block, flags)];
  const frames = [frame(FRAME.headers, flags, id, block.subarray(0, MAX_FRAME_BYTES))];
  for (let at = MAX_FRAME_BYTES; at < block.length; at += MAX_FRAME_BYTES)
    frames.push(continuationFrame(id, block.subarray(at, at + MAX_FRAME_BYTES), at + MAX_FRAME_BYTES >= block.length));
  return frames;
}

/** Requests on one connection. */
class Asker {
  readonly #client: RawHttp2;
  #lastId = -1;

  constructor(client: RawHttp2) {
    this.#client = client;
  }

  async ask({ fields, turn: { body, trailers } }: Http2Input): Promise<Got> {
    const id = (this.#lastId += 2);
    const frames = headFrames(id, fields, body === undefined);
    if (body !== undefined) frames.push(dataFrame(id, Buffer.from(body, 'latin1'), trailers === undefined));
    if (trailers !== undefined) frames.push(headersFrame(id, trailers));
    this.#client.send(...frames);
    const end = await endOf(this.#client, id);
    const data = this.#client.frames.filter(({ type, streamId }) => type === FRAME.data && streamId === id);
    return { end, body: Buffer.concat(data.map(({ payload }) => payload)).toString('latin1') };
  }

  async isServed(): Promise<boolean> {
    const fields = getFields().map(([name, value]): Field => [name, name === ':path' ? SENTINEL : value]);
    return (await this.ask({ fields, turn: {} })).body === `<GET ${SENTINEL} >`;
  }
}

/** A running balancer with a host behind it. */
interface Stage {
  readonly asker: Asker;
  counter(name: string): number;
  /** The whole requests that the host got since the last call. */
  take(): readonly string[];
}

/** A request as a host gets it, without what differs between HTTP/1 and HTTP/2: letters of names, coding, connection. */
const plain = (seen: string): string =>
  seen
    .replace(
      /^([^\n]*)((?:\n[^\n]+)*)/,
      (_all, line: string, headers: string) => line + headers.replace(/\n[^:\n]+/g, (name) => name.toLowerCase()),
    )
    .replace(/\n(?:transfer-encoding|connection): [^\n]*/g, '')
    .replace(/(\n\n[^]*\n\n)([^]*)$/, (_all, body: string, trailers: string) => body + trailers.toLowerCase());

/** Its header lines by name; those of one name stay in order. A host of HTTP/2 may get them grouped. */
function grouped(seen: string): string {
  const [, line = '', headers = '', rest = ''] = /^([^\n]*)((?:\n[^\n]+)*)([^]*)$/.exec(seen) ?? [];
  const lines = headers
    .replace(/ \(ours\)$/, '')
    .split('\n')
    .slice(1);
  return [line, ...lines.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0))].join('\n') + rest;
}

const nameOf = (line: string): string => line.slice(0, line.indexOf(':'));

const titled = (name: string): string => name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());

/** Keeps what an HTTP/2 host gets, and answers as the recording host does. */
function recorder(kept: string[]): Http2Handler {
  return (stream, headers, raw) => {
    const pairs = Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] ?? '', raw[2 * i + 1] ?? ''] as const);
    const [method, target] = [headers[':method'] ?? '', headers[':path'] ?? ''];
    const own = pairs.filter(([name]) => !name.startsWith(':')).map(([name, value]) => [titled(name), value] as const);
    const chunks: Buffer[] = [];
    let trailers: readonly (readonly [string, string])[] = [];
    stream.on('trailers', (_named: unknown, _flags: unknown, list: string[]) => {
      trailers = Array.from({ length: list.length / 2 }, (_, i) => [list[2 * i] ?? '', list[2 * i + 1] ?? ''] as const);
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const body = Buffer.concat(chunks).toString('latin1');
      const line = `${method} ${target} HTTP/1.1`;
      const host = ['Host', headers[':authority'] ?? ''] as const;
      if (target !== SENTINEL) kept.push(seenAs({ line, method, target, headers: [host, ...own], body, trailers }));
      const text = `<${method} ${target.slice(0, 60)} ${body.slice(0, 60)}>`;
      stream.respond({ ':status': 200, 'content-length': text.length }, { endStream: method === 'HEAD' });
      if (method !== 'HEAD') stream.end(text);
    });
  };
}

async function withStage(protocol: 'http1' | 'h2', fn: (stage: Stage) => Promise<void>): Promise<void> {
  const inFront = (url: string, take: () => readonly string[]): Promise<void> =>
    withBalancer({ statics: [{ name: 'host', url }], isH2cAccepted: true, oddNames: 'refuse' }, (each) =>
      withRawHttp2(each.port, {}, async (client) => {
        await fn({ asker: new Asker(client), counter: (name) => each.counter(name), take });
        assert.is(each.counter('internal_errors'), 0);
      }),
    );
  if (protocol === 'http1') return withRecordingHost((host) => inFront(host.url, () => host.take().requests));
  const kept: string[] = [];
  return withHttp2Host(recorder(kept), ({ url }) => inFront(url, () => kept.splice(0)));
}

/** Everything that is wrong with what came of entries, one after the other. */
async function faultsOf(stage: Stage, inputs: readonly ClientInput[], judge: (input: ClientInput) => Promise<string[]>): Promise<string> {
  const faults: string[] = [];
  for (const input of inputs) {
    const found = await judge(input);
    if (!(await stage.asker.isServed())) found.push('the connection does not serve');
    faults.push(...found.map((fault) => `${input.name}: ${fault}`));
  }
  return faults.join('\n');
}

const REFUSED = [...HEAD_INPUTS, ...BODY_INPUTS].filter((input) => refusedOverHttp2(input) !== null);

const isTooLarge = (input: ClientInput): boolean => encodeFields((refusedOverHttp2(input) as Http2Input).fields).length > MAX_FRAME_BYTES;
const TOO_LARGE = REFUSED.filter(isTooLarge);
const endsConnection = (input: ClientInput): boolean => {
  const { fields, turn } = refusedOverHttp2(input) as Http2Input;
  return mayEndConnection(fields, turn.body);
};
const MALFORMED = REFUSED.filter((input) => !isTooLarge(input) && !endsConnection(input));
const PASSED = PASSED_INPUTS.filter((input) => passedOverHttp2(input) !== null);

test('there are as many entries as were promised', () => {
  assert.ok(REFUSED.length >= 100, `${REFUSED.length} that are refused`);
  assert.ok(PASSED.length >= 40, `${PASSED.length} that pass`);
});

test('a head that is too large is refused, and no host sees it', async () => {
  assert.ok(TOO_LARGE.length > 0);
  for (const input of TOO_LARGE) {
    await withStage('http1', async ({ asker, take }) => {
      const { end } = await asker.ask(refusedOverHttp2(input) as Http2Input);
      // Above what a connection may hold, it ends with the request.
      assert.ok(end === 431 || end === `GOAWAY ${errorCodeOf('ENHANCE_YOUR_CALM')}`, `${input.name}: ${end}`);
      assert.equal(take(), [], input.name);
    });
  }
});

test('a body that breaks its content-length ends the stream or the connection, and no host sees it', async () => {
  for (const input of REFUSED.filter((each) => !isTooLarge(each) && endsConnection(each))) {
    await withStage('http1', async ({ asker, take }) => {
      const { end } = await asker.ask(refusedOverHttp2(input) as Http2Input);
      assert.ok(end === CODE_OF_RESET || end === CODE_OF_GOAWAY || (typeof end === 'number' && end >= 400), `${input.name}: ${end}`);
      assert.equal(take(), [], input.name);
    });
  }
});

for (const protocol of ['http1', 'h2'] as const) {
  test(`what HTTP/1 refuses is reset or refused over HTTP/2, too, and no host sees it (${protocol})`, () =>
    withStage(protocol, async (stage) => {
      const faults = await faultsOf(stage, MALFORMED, async (input) => {
        const { end } = await stage.asker.ask(refusedOverHttp2(input) as Http2Input);
        // The status is that of HTTP/1, where it is no malformed message.
        const isRefused = end === CODE_OF_RESET || (typeof end === 'number' && input.gets.source.includes(` ${end} `) && end >= 400);
        const seen = stage.take();
        return [...(isRefused ? [] : [`it got ${end}`]), ...(seen.length === 0 ? [] : [`the host saw ${JSON.stringify(seen)}`])];
      });
      assert.is(faults, '');
    }));

  test(`what passes over HTTP/1 passes over HTTP/2, and hosts see the same (${protocol})`, () =>
    withStage(protocol, async (stage) => {
      const faults = await faultsOf(stage, PASSED, async (input) => {
        const got = await Promise.all((passedOverHttp2(input) ?? []).map((each) => stage.asker.ask(each)));
        const asSeen = (text: string): string => (protocol === 'h2' ? grouped(plain(text)) : plain(text));
        const seen = stage.take().map(asSeen).toSorted();
        const expected = input.sees.map(asSeen).toSorted();
        const wrong = got.filter(({ end }) => end !== 200);
        return [
          ...wrong.map(({ end }) => `it got ${end}`),
          ...(JSON.stringify(seen) === JSON.stringify(expected)
            ? []
            : [`the host saw ${JSON.stringify(seen)}, not ${JSON.stringify(expected)}`]),
        ];
      });
      assert.is(faults, '');
    }));
}

test.run();
