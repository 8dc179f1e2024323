// The matrix of clients: what each one sends byte by byte, what it gets, what the host saw of it, and that
// everyone else is served as ever. One balancer and one host for all entries of a table.

import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NamePolicy } from '../../../lib/config/traffic-config.js';
import { type TestCertificates, withCertificates } from '../../support/certificates.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { RawClient, withRaw } from '../../support/http-client.js';
import { type RecordingHost, SENTINEL, withRecordingHost } from '../../support/recording-host.js';
import { until } from '../../support/until.js';
import { type ClientInput, get, refused } from './client-inputs.js';
import { BODY_INPUTS } from './client-inputs-bodies.js';
import { HEAD_INPUTS } from './client-inputs-heads.js';
import { PASSED_INPUTS } from './client-inputs-passed.js';

const test = suite('client matrix');

/** Sends the pieces, each once the one before has gone out; gives all that came until the end. */
async function send(port: number, pieces: readonly string[], ca?: string): Promise<string> {
  return withRaw(
    port,
    async (raw) => {
      raw.socket.setNoDelay(true);
      for (const piece of pieces) {
        await new Promise((resolve) => raw.socket.write(piece, 'latin1', resolve));
        await turn();
      }
      return raw.ends();
    },
    ca,
  );
}

/** A client that has been there all along; its next request must be served whatever others do. */
class Bystander {
  readonly #raw: RawClient;
  #asked = 0;

  constructor(port: number, ca?: string) {
    this.#raw = new RawClient(port, ca);
  }

  async isServed(): Promise<void> {
    const path = `${SENTINEL}/${++this.#asked}`;
    this.#raw.send(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await until(() => this.#raw.text.endsWith(`<GET ${path} >`), {
      everyMs: 2,
      what: () => `the answer to ${path}: ${JSON.stringify(this.#raw.text)}`,
    });
    this.#raw.text = '';
  }

  leave(): void {
    this.#raw.socket.destroy();
  }
}

/** Everything that is wrong with what came of one input. */
async function faultsOf(
  { name, pieces, gets, sees, isCutOff, counter }: ClientInput,
  each: TestBalancer,
  host: RecordingHost,
  bystander: Bystander,
  ca?: string,
): Promise<string[]> {
  const faults: string[] = [];
  const before = counter === undefined ? 0 : each.counter(counter);
  try {
    const got = await send(each.port, pieces, ca);
    if (!gets.test(got)) faults.push(`got ${JSON.stringify(got.slice(0, 1000))}`);
    await bystander.isServed();
  } catch (error) {
    faults.push(String(error));
  }
  const seen = host.take();
  // A client of HTTP/1.0 may have no Host: the host's own name stands there.
  const requests = seen.requests.map((text) => text.replace(host.url.slice('http://'.length), 'HOST'));
  const expected = sees.map((text) => (ca === undefined ? text : text.replaceAll('(ours)', '(ours, https)')));
  if (JSON.stringify(requests) !== JSON.stringify(expected)) faults.push(`the host saw ${JSON.stringify(requests)}`);
  if (seen.rests.length > 0 && !isCutOff) faults.push(`the host saw a part: ${JSON.stringify(seen.rests)}`);
  if (counter !== undefined && each.counter(counter) !== before + 1) faults.push(`${counter} went up by ${each.counter(counter) - before}`);
  return faults.map((fault) => `${name}: ${fault}`);
}

/** Runs a table through one balancer, over TLS when there are certificates. */
async function run(inputs: readonly ClientInput[], oddNames: NamePolicy = 'refuse', certificates?: TestCertificates): Promise<void> {
  const files = certificates === undefined ? {} : { tlsCerts: [certificates.certFile], tlsKeys: [certificates.keyFile] };
  await withRecordingHost((host) =>
    withBalancer({ statics: [{ name: 'host', url: host.url }], oddNames, ...files }, async (each) => {
      const bystander = new Bystander(each.port, certificates?.ca);
      const faults: string[] = [];
      for (const input of inputs) faults.push(...(await faultsOf(input, each, host, bystander, certificates?.ca)));
      assert.is(faults.join('\n'), '');
      assert.is(each.counter('internal_errors'), 0);
      assert.is((await each.health()).httpStatus, 200);
      assert.is(new Set(inputs.map(({ name }) => name)).size, inputs.length, 'each has a name of its own');
      bystander.leave();
    }),
  );
}

test('heads that could be read in two ways are refused, and no host sees a byte', () => run(HEAD_INPUTS));

test('bodies that could be read in two ways are refused, and no host sees a whole request', () => run(BODY_INPUTS));

test('what every parser reads in the same way passes as it was written', () => run(PASSED_INPUTS));

test('over TLS all is as without: for what is sent in pieces, and every fifth of the other inputs', () => {
  const all = [HEAD_INPUTS, BODY_INPUTS, PASSED_INPUTS].flat();
  const inPieces = all.filter(({ pieces }) => pieces.length > 1);
  const others = all.filter(({ pieces }) => pieces.length === 1).filter((_, i) => i % 5 === 0);
  return withCertificates((certificates) => run([...inPieces, ...others], 'refuse', certificates));
});

test('there are as many inputs as were promised', () => {
  assert.ok(HEAD_INPUTS.length + BODY_INPUTS.length + PASSED_INPUTS.length >= 60);
});

const ODD: readonly [string, string][] = [
  ['X_A', '1'],
  ['X_B.C', '2'],
  ['Content_Length', '9'],
  ['Transfer.Encoding', 'chunked'],
  ['Content~Length', '3'],
  ['Host_', 'y'],
];
const ODD_LINES = ODD.map(([name, value]) => `${name}: ${value}`);
const ODD_REQUEST = get('X-D: 4', ...ODD_LINES, 'X-E: 5', 'Connection: close');
const ODD_TRAILERS = `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\nX_Forwarded_For: 6.6.6.6\r\n\r\n`;
const ANSWERED = /^HTTP\/1\.1 200 OK\r\n[^]*<GET \/ >$/;

test('headers with odd names are refused where the flag says so, each of them', () =>
  run(ODD_LINES.map((line) => refused(line, get(line), 'refused_header_name'))));

test('headers with odd names are left out by default, and counted', async () => {
  const input: ClientInput = {
    name: 'odd names',
    pieces: [ODD_REQUEST],
    gets: ANSWERED,
    sees: ['GET / HTTP/1.1\nHost: x\nX-D: 4\nX-E: 5 (ours)'],
    isCutOff: false,
    counter: undefined,
  };
  const trailers: ClientInput = {
    name: 'odd trailers',
    pieces: [ODD_TRAILERS],
    gets: /200 OK/,
    sees: ['POST / HTTP/1.1\nHost: x (ours)\nTransfer-Encoding: chunked\n\na\n\nX-T: 1'],
    isCutOff: false,
    counter: undefined,
  };
  await run([input, trailers], 'drop');
  await withRecordingHost((host) =>
    withBalancer({ statics: [{ name: 'host', url: host.url }] }, async (each) => {
      await send(each.port, [ODD_REQUEST]);
      assert.is(each.counter('header_names_dropped'), ODD.length);
      await send(each.port, [ODD_TRAILERS]);
      assert.is(each.counter('header_names_dropped'), ODD.length + 1, 'trailers too');
      assert.equal(
        each.lines.filter((line) => line.includes('--odd-names')),
        [
          `warn headers are left out, since a host may take their names for others: --odd-names pass lets them through {"header":"X_A","client":"127.0.0.1","dropped":${ODD.length}}`,
        ],
        'said once a minute',
      );
    }),
  );
});

test('headers with odd names pass where the flag says so, and mean nothing to the balancer', () =>
  run(
    [
      {
        name: 'odd names',
        pieces: [ODD_REQUEST],
        gets: ANSWERED,
        sees: [`GET / HTTP/1.1\nHost: x\nX-D: 4\n${ODD_LINES.join('\n')}\nX-E: 5 (ours)`],
        isCutOff: false,
        counter: undefined,
      },
    ],
    'pass',
  ));

test('a client that connects and says nothing, or leaves in the middle of a head, disturbs nobody', () =>
  withRecordingHost((host) =>
    withBalancer({ statics: [{ name: 'host', url: host.url }] }, async (each) => {
      const bystander = new Bystander(each.port);
      for (const text of ['', 'GET', 'GET / HTTP/1.1\r\nHost: x\r\n', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12']) {
        for (const end of ['destroy', 'resetAndDestroy', 'end'] as const) {
          const socket = connect(each.port, '127.0.0.1').on('error', () => undefined);
          await new Promise((resolve) => socket.once('connect', resolve));
          await new Promise((resolve) => socket.write(text === '' ? '\r' : text, 'latin1', resolve));
          socket[end]();
          await bystander.isServed();
          socket.destroy();
        }
      }
      assert.equal(host.take().requests, []);
      assert.is(each.counter('internal_errors'), 0);
      bystander.leave();
    }),
  ));

test.run();
