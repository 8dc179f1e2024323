// A balancer in front of two hosts that behave in the same way, entry by entry: what the client gets, how often
// the hosts were asked, and that everyone else is served as ever.

import * as assert from 'uvu/assert';
import { type HostAct, type HostAnswer, ok } from '../traffic/host/host-answers.js';
import { type TestBalancer, withBalancer } from './fleet.js';
import { RawClient } from './http-client.js';
import type { TestCertificates } from './certificates.js';
import { type RawConnection, type RawHost, withRawHost } from './raw-host.js';
import { type Ending, readAnswer, type ReferenceAnswer } from './reference-answer.js';
import { readRequests } from './reference-parser.js';
import { until } from './until.js';

const GOOD = ok('good', 'Content-Length: 4');

/** What a host's acts look at of a client: what came for the entry's request so far, and whether no more can come. */
export type WatchedClient = Pick<RawClient, 'text' | 'isClosed'>;

/** What is on stage now. */
export class Present {
  acts: readonly HostAct[] = [];
  client: WatchedClient | undefined;
  /** The connections on which the entry's request came, in order. */
  connections: RawConnection[] = [];

  /** A host's way to behave: requests for `/good` are answered well, all others as the entry says. */
  readonly onData = (connection: RawConnection): void => {
    const { requests, rest } = readRequests(connection.text);
    connection.text = rest;
    for (const { target } of requests) {
      if (target === '/good') {
        connection.socket.write(GOOD);
        continue;
      }
      this.connections.push(connection);
      void this.#act(connection, this.acts, this.client);
    }
  };

  async #act(connection: RawConnection, acts: readonly HostAct[], client: WatchedClient | undefined): Promise<void> {
    for (const act of acts) {
      if (act === 'seen') await until(() => client === undefined || client.text !== '' || client.isClosed, { everyMs: 2 });
      else if (act === 'end') connection.socket.end();
      else if (act === 'reset') connection.reset();
      else await new Promise((resolve) => connection.socket.write(act.bytes, 'latin1', resolve));
    }
  }
}

const endingOf = ({ hasEnded, isClosed }: RawClient): Ending => (hasEnded ? 'end' : isClosed ? 'broken' : 'open');

/** Asks, and gives what the client could make of what came, once that is clear. */
async function askAs(raw: RawClient, { method, version }: HostAnswer): Promise<ReferenceAnswer> {
  const body = method === 'POST' ? 'Content-Length: 4\r\n\r\nbody' : '\r\n';
  raw.send(`${method} /entry HTTP/${version}\r\nHost: x\r\n${body}`);
  const read = (): ReferenceAnswer => readAnswer(raw.text, method, endingOf(raw));
  await until(() => read().state !== 'more', {
    timeoutMs: 10_000,
    everyMs: 2,
    what: () => `an answer that is whole or cut off: ${JSON.stringify(raw.text)}`,
  });
  return read();
}

function compare(answer: ReferenceAnswer, { gets, head }: HostAnswer): string[] {
  const faults: string[] = [];
  if (gets === 'cut') {
    if (answer.state !== 'cut') faults.push(`it took for whole: ${answer.head} ${answer.body}`);
    return faults;
  }
  const isBody = typeof gets.body === 'string' ? gets.body === answer.body : gets.body.test(answer.body);
  if (answer.state !== 'whole' || answer.status !== gets.status || !isBody)
    faults.push(`it got ${answer.state} ${JSON.stringify(answer.head)} ${JSON.stringify(answer.body)}`);
  if (!head.test(answer.head)) faults.push(`the head was ${JSON.stringify(answer.head)}`);
  if (answer.rest !== '') faults.push(`behind it came ${JSON.stringify(answer.rest)}`);
  return faults;
}

/** Everything that is wrong with what came of one entry. */
async function faultsOf(
  answer: HostAnswer,
  { port }: TestBalancer,
  present: Present,
  bystander: RawClient,
  ca: string | undefined,
): Promise<string[]> {
  const { gets, asked, isKept, method, version } = answer;
  const raw = new RawClient(port, ca);
  Object.assign(present, { acts: answer.acts, client: raw, connections: [] });
  const faults: string[] = [];
  try {
    const got = await askAs(raw, answer);
    faults.push(...compare(got, answer));
    const expected = method === 'POST' ? 1 : asked;
    const hosts = new Set(present.connections.map((each) => each.port)).size;
    // A host that ends a kept connection before a byte of its answer is asked once more, on a new one.
    const isSilent = answer.acts[0] === 'end' || answer.acts[0] === 'reset';
    const most = method !== 'POST' && isSilent ? 2 * expected : expected;
    if (hosts !== expected || present.connections.length > most)
      faults.push(`${hosts} hosts were asked ${present.connections.length} times`);
    if (!isKept)
      await until(() => present.connections.every(({ isClosed }) => isClosed), {
        everyMs: 2,
        what: 'the connection to the host to be closed',
      });
    else if (present.connections.some(({ isClosed }) => isClosed)) faults.push('the connection to the host was closed');
    // The same client goes on where it may, and everybody else in any case.
    if (gets !== 'cut' && version === '1.1' && !/\r\nConnection: close/.test(got.head)) await isServed(raw);
    await isServed(bystander);
  } catch (error) {
    faults.push(String(error));
  }
  raw.socket.destroy();
  return faults.map((fault) => `${method} ${answer.name}: ${fault}`);
}

async function isServed(raw: RawClient): Promise<void> {
  raw.text = '';
  raw.send('GET /good HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(() => /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\ngood$/.test(raw.text), {
    everyMs: 2,
    what: () => `the next answer: ${JSON.stringify(raw.text)}`,
  });
}

/** Where TLS is spoken; nowhere by default. */
export interface StageTls {
  readonly certificates: TestCertificates;
  readonly isToHosts: boolean;
  readonly isToClients: boolean;
}

/** Runs a table through one balancer with two hosts. */
export function runHostMatrix(answers: readonly HostAnswer[], tls?: StageTls): Promise<void> {
  const present = new Present();
  const { certificates, isToHosts = false, isToClients = false } = tls ?? {};
  const ca = isToClients ? certificates?.ca : undefined;
  const files =
    certificates === undefined
      ? {}
      : {
          ...(isToHosts && { hostCa: certificates.caFile }),
          ...(isToClients && { tlsCerts: [certificates.certFile], tlsKeys: [certificates.keyFile] }),
        };
  const withHost = <T>(fn: (host: RawHost) => Promise<T>): Promise<T> =>
    withRawHost(present.onData, fn, isToHosts ? certificates : undefined);
  return withHost((first) =>
    withHost((second) =>
      withBalancer(
        {
          statics: [
            { name: 'h1', url: first.url },
            { name: 'h2', url: second.url },
          ],
          ejectAfter: 1_000_000,
          retryBudgetPercent: 100,
          ...files,
        },
        async (each) => {
          const bystander = new RawClient(each.port, ca);
          const faults: string[] = [];
          for (const answer of answers) faults.push(...(await faultsOf(answer, each, present, bystander, ca)));
          bystander.socket.destroy();
          assert.is(faults.join('\n'), '');
          assert.is(each.counter('internal_errors'), 0);
          assert.is((await each.health()).httpStatus, 200);
        },
      ),
    ),
  );
}

/** The same behaviour towards a POST with a body: it is never sent to a second host. */
export function asPost(answers: readonly HostAnswer[]): HostAnswer[] {
  return answers.filter(({ method }) => method === 'GET').map((answer) => Object.assign({}, answer, { method: 'POST' as const }));
}
