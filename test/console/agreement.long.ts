// What Meercat says of its traffic against the counts of wrk, an HTTP load generator that knows nothing of Meercat: the
// metrics of three balancers, a Prometheus that scrapes them, and the dashboard agree with it within 1 %.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Overview } from '../../lib/overview.js';
import { type TestServer, until, withProcess, withRedis, withServer } from '../support/brackets.js';
import { SLOW_MS } from '../support/fleet.js';
import { freePortsInRow } from '../support/fleet-process.js';
import { ask } from '../support/http-client.js';
import { ended, meercatProcess } from '../support/meercat.js';
import { parseScrape } from '../support/metrics-facts.js';
import { PROMETHEUS, withPrometheus } from '../support/prometheus.js';
import { findTool } from '../support/tools.js';

const test = suite('agreement');

const WRK = findTool('wrk', 'wrk');

const BALANCERS = 3;
const TOLERANCE = 0.01;

/** Length of the load, and connections to each balancer. */
const LOAD_SECONDS = 60;
const CONNECTIONS = 40;

/** The hosts answer after this time by a timer, so that the rate hardly changes. */
const ANSWER_MS = 100;

/** A point of the dashboard's history is the mean of this time. */
const POINT_SECONDS = 5;

/** Three balancers as processes before two hosts; hands out their ports when each serves and one is master. */
function withBalancers(fn: (ports: readonly number[]) => Promise<void>): Promise<void> {
  const answer = (_request: unknown, response: { end(text: string): void }): void =>
    void setTimeout(() => response.end('hello'), ANSWER_MS);
  return withRedis((redis) =>
    withServer(answer, (first) =>
      withServer(answer, async (second) => {
        const start = await freePortsInRow(BALANCERS);
        const ports = Array.from({ length: BALANCERS }, (_, index) => start + index);
        await withEach(ports, redis.url, [first, second], async () => {
          await until(async () => (await overviewOf(start)).balancers.length === BALANCERS, {
            timeoutMs: SLOW_MS,
            what: 'the fleet to be complete',
          });
          await until(async () => (await overviewOf(start)).isOwnOnly === false, { timeoutMs: SLOW_MS, what: "the master's figures" });
          await fn(ports);
        });
      }),
    ),
  );
}

function withEach(ports: readonly number[], redis: string, hosts: readonly TestServer[], fn: () => Promise<void>): Promise<void> {
  const [port, ...rest] = ports;
  if (port === undefined) return fn();
  const args = ['balancer', '--redis', redis, '--port', String(port), '--bind', '127.0.0.1', '--name', `b${port}`];
  const given = hosts.flatMap(({ url }) => ['--host', url]);
  return withProcess(meercatProcess([...args, ...given]), async () => {
    await until(async () => (await ask(port + 1000, { path: '/.meercat/ready' })).status === 200, { timeoutMs: SLOW_MS });
    await withEach(rest, redis, hosts, fn);
  });
}

async function overviewOf(port: number): Promise<Overview> {
  return JSON.parse((await ask(port + 1000, { path: '/.meercat/overview.json' })).body) as Overview;
}

/** How many whole answers wrk got from a balancer. */
async function loadBy(wrk: string, port: number): Promise<number> {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${LOAD_SECONDS}s`, '--timeout', '10s', `http://127.0.0.1:${port}/`];
  return withProcess({ command: wrk, args }, async (child) => {
    const { code } = await ended(child, (LOAD_SECONDS + 30) * 1000);
    const said = child.lines.join('\n');
    assert.is(code, 0, said);
    assert.not.match(said, /Non-2xx|Socket errors/);
    return Number(/(\d+) requests in/.exec(said)?.[1]);
  });
}

/** How many requests a balancer's own page of metrics counts as answered, once those are over that wrk left in flight. */
async function answeredBy(port: number): Promise<number> {
  const { values } = await until(
    async () => {
      const scrape = parseScrape((await ask(port + 1000, { path: '/metrics' })).body);
      return scrape.values.get('meercat_requests_in_flight{pool="default"}') === 0 && scrape;
    },
    { timeoutMs: SLOW_MS, what: 'no request to be in flight' },
  );
  return values.get('meercat_requests_total{pool="default",code="200",method="GET"}') ?? 0;
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0);

function agrees(found: number, expected: number, what: string): void {
  const error = Math.abs(found / expected - 1);
  assert.ok(error <= TOLERANCE, `${what}: ${found}; wrk: ${expected}; ${(error * 100).toFixed(2)} % apart`);
}

test('metrics, Prometheus and the dashboard agree with wrk within 1 %', async () => {
  if (WRK === null || PROMETHEUS === null) return;
  await withBalancers(async (ports) => {
    const targets = ports.map((port) => `127.0.0.1:${port + 1000}`);
    const config = { global: { scrape_interval: '1s' }, scrape_configs: [{ job_name: 'meercat', static_configs: [{ targets }] }] };
    await withPrometheus(config, {}, async (prometheus) => {
      const counts = await Promise.all(ports.map((port) => loadBy(WRK, port)));
      const expected = sumOf(counts);
      assert.ok(expected > LOAD_SECONDS * 100, `wrk did ${expected} requests`);

      // Each balancer counts its own requests: it agrees with the wrk that asked it.
      const answered = await Promise.all(ports.map(answeredBy));
      for (const [index, count] of answered.entries()) agrees(count, counts[index] as number, `/metrics of balancer ${index + 1}`);
      agrees(sumOf(answered), expected, '/metrics of all balancers');

      let scraped = 0;
      await until(
        async () => {
          scraped = (await prometheus.query('sum(meercat_requests_total{code="200"})'))[0]?.value ?? 0;
          return scraped === sumOf(answered);
        },
        { timeoutMs: SLOW_MS, what: () => `Prometheus to have the last counts: ${scraped} of ${sumOf(answered)}` },
      );
      agrees(scraped, expected, 'Prometheus');

      // The dashboard has rates and not counts: its points times their length, when the load has passed through all of them.
      for (const port of ports) {
        const history = await until(
          async () => {
            const points = (await overviewOf(port)).history;
            return points.at(-1)?.rps === 0 && points;
          },
          { timeoutMs: SLOW_MS, everyMs: 500, what: 'a point after the load' },
        );
        agrees(sumOf(history.map(({ rps }) => rps * POINT_SECONDS)), expected, `the dashboard of ${port}`);
      }
    });
  });
});

test.run();
