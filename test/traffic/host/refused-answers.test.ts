// The tables of docs/http.md on answers of hosts: each one that stands there is sent by a real host through a balancer,
// to clients of both versions and to one that offers an upgrade.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TRAFFIC_DEFAULTS } from '../../../lib/config/traffic-config.js';
import { until } from '../../support/brackets.js';
import { readPage, tableBelow } from '../../support/documents.js';
import type { TestBalancer } from '../../support/fleet.js';
import { RawClient } from '../../support/http-client.js';
import { hasHead, withRawProxy } from '../../support/proxy.js';
import type { RawConnection } from '../../support/raw-host.js';
import { readAnswer } from '../../support/reference-answer.js';

const test = suite('refused answers');

const PAGE = readPage('docs/http.md');

const bytesOf = (text: string): string => text.replaceAll('⏎', '\r\n').replaceAll('␊', '\n').replaceAll('␍', '\r').replaceAll('␀', '\0');

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

/** Rows that tell of what is too long to be written out: each stands there in these words. */
const DESCRIBED: Readonly<Record<string, readonly string[]>> = {
  "a chunk's size and extensions above 256 bytes; trailers above 8 KiB": [
    `${CHUNKED}5;a=${'b'.repeat(300)}\r\nhello\r\n`,
    `${CHUNKED}5${' '.repeat(300)}\r\nhello\r\n`,
    `${CHUNKED}0\r\nA: ${'b'.repeat(9000)}\r\n\r\n`,
  ],
  'a head above `--max-response-header-size`': [
    `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(TRAFFIC_DEFAULTS.maxResponseHeaderSize)}\r\nContent-Length: 0\r\n\r\n`,
  ],
  'more than 20 interim answers': [`${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(21)}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`],
};

/** The answers of a row: what ends in a line end and is no head is a chunk of one. */
function answersOf(cell: string): string[] {
  const written = [...cell.matchAll(/`([^`]*[⏎␊][^`]*)`/g)].map(([, text]) => bytesOf(text as string));
  const isHead = (text: string): boolean => /^(?:\r\n)?[A-Za-z<]+[-/>]/.test(text);
  return DESCRIBED[cell] === undefined ? written.map((text) => (isHead(text) ? text : CHUNKED + text)) : [...DESCRIBED[cell]];
}

/** How a client asks. */
const ASKING: Readonly<Record<string, string>> = {
  'HTTP/1.1': 'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
  'HTTP/1.0': 'GET / HTTP/1.0\r\nHost: x\r\n\r\n',
  upgrade: 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
};

/** One host, whose answer the test sets. */
interface Stage {
  readonly each: TestBalancer;
  /** Asks, has the host answer so, and gives what the client got, once it is whole or cut off, with the host's connection. */
  ask(answer: string, request: string): Promise<{ readonly raw: RawClient; readonly connection: RawConnection }>;
}

async function withStage(fn: (stage: Stage) => Promise<void>): Promise<void> {
  const present: { answer: string; client: RawClient | undefined; connection: RawConnection | undefined } = {
    answer: '',
    client: undefined,
    connection: undefined,
  };
  const act = async (connection: RawConnection): Promise<void> => {
    const { answer, client } = present;
    const [first = '', ...later] = answer.split('…');
    connection.socket.write(first, 'latin1');
    for (const part of later) {
      await until(() => client?.text !== '', { everyMs: 2, what: 'what the client gets first' });
      connection.socket.write(part, 'latin1');
    }
  };
  await withRawProxy(
    (connection) => {
      if (!hasHead(connection)) return;
      connection.text = '';
      present.connection = connection;
      void act(connection);
    },
    (each) =>
      fn({
        each,
        async ask(answer, request) {
          const raw = new RawClient(each.port);
          Object.assign(present, { answer, client: raw, connection: undefined });
          raw.send(request);
          await until(
            () => raw.isClosed || (raw.text !== '' && readAnswer(raw.text, 'GET', raw.hasEnded ? 'end' : 'open').state !== 'more'),
            {
              everyMs: 2,
              what: () => `the end of ${JSON.stringify(raw.text)}`,
            },
          );
          raw.socket.destroy();
          return { raw, connection: present.connection as unknown as RawConnection };
        },
      }),
    { ejectAfter: 1_000_000, hostKeepAliveTimeoutMs: 60_000 },
  );
}

test('every answer that is said to be refused is, whoever asks, and its connection is closed', () =>
  withStage(async ({ each, ask }) => {
    const faults: string[] = [];
    let tried = 0;
    for (const [answers = '', gets, why = ''] of tableBelow(PAGE, '## What is refused in an answer, and why')) {
      assert.ok(why.length > 10, `${answers}: why`);
      assert.ok(gets === '502' || gets === 'cut off', `${answers}: what is "${gets}"?`);
      const all = answersOf(answers);
      assert.ok(all.length > 0, `an answer in ${answers}`);
      for (const answer of all) {
        for (const [asking, request] of Object.entries(ASKING)) {
          const badBefore = each.counter('hosts_bad_response');
          const { raw, connection } = await ask(answer, request);
          const isRefused = /^(?:HTTP\/1\.1 103 Early Hints\r\n\r\n)*HTTP\/1\.1 502 Bad Gateway\r\n[^]*"MEERCAT_BAD_RESPONSE"/.test(
            raw.text,
          );
          const isCut =
            raw.text.startsWith('HTTP/1.1 200 OK\r\n') && readAnswer(raw.text, 'GET', raw.hasEnded ? 'end' : 'broken').state === 'cut';
          if (gets === '502' ? !isRefused : !isCut) faults.push(`${asking}: ${JSON.stringify(answer)}: ${JSON.stringify(raw.text)}`);
          if (each.counter('hosts_bad_response') !== badBefore + 1) faults.push(`${asking}: ${JSON.stringify(answer)}: is not counted`);
          await until(() => connection.isClosed, { everyMs: 2, what: `the end of the host's connection after ${JSON.stringify(answer)}` });
          tried++;
        }
      }
    }
    assert.equal(faults, []);
    assert.ok(tried > 120, `${tried} tried`);
    for (const described of Object.keys(DESCRIBED)) assert.ok(PAGE.text.includes(`\n| ${described} | `), described);
  }));

test('every answer that is said to be accepted is, as it is said to be, and its connection is kept or closed', () =>
  withStage(async ({ ask }) => {
    let tried = 0;
    for (const [answers = '', gets = '', connectionTo = ''] of tableBelow(PAGE, '### Accepted, and rewritten')) {
      const what = connectionTo.split(':', 1)[0];
      assert.ok(what === 'kept' || what === 'closed', `${answers}: what is "${what}"?`);
      for (const answer of answersOf(answers)) {
        const { raw, connection } = await ask(answer, ASKING['HTTP/1.1'] as string);
        const { state, body, head, rest } = readAnswer(raw.text, 'GET', 'open');
        assert.equal([state, body, rest], ['whole', 'hello', ''], answer);
        if (gets === 'one length, `5`')
          assert.equal(
            head.match(/content-length.*/gi)?.map((line) => line.toLowerCase()),
            ['content-length: 5'],
            answer,
          );
        else if (gets.startsWith('chunks')) assert.ok(raw.text.endsWith('\r\n\r\n5\r\nhello\r\n0\r\n\r\n'), raw.text);
        else if (gets.startsWith('`')) assert.ok(head.startsWith(gets.replaceAll('`', '')), head);
        else assert.match(gets, /^the answer/);
        if (what === 'closed')
          await until(() => connection.isClosed, { everyMs: 2, what: `the end of the host's connection after ${JSON.stringify(answer)}` });
        else assert.is((await ask(answer, ASKING['HTTP/1.1'] as string)).connection, connection, answer);
        tried++;
      }
    }
    assert.ok(tried > 10, `${tried} tried`);
  }));

test.run();
