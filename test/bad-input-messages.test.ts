// Invalid messages of many kinds on each channel of a running fleet: they are dropped and counted, as `status --json`
// shows, routing is unaffected, and nothing crashes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeReport } from '../lib/redis/report-message.js';
import { keepThread } from '../lib/threads.js';
import { BAD_EVENTS, BAD_FIGURES, BAD_LOADS, BAD_REPORTS, BAD_TABLES, json, OK_EVENT, OK_REPORT } from './support/bad-messages.js';
import { until, withServer } from './support/brackets.js';
import { deliverReport, KEYS, sendUntil, SLOW_MS, statusCounts, statusOf } from './support/fleet.js';
import { ask } from './support/http-client.js';
import { inSteps, type Step } from './support/steps.js';
import { VICTIM, type Victim, withVictim } from './support/victim.js';

const test = suite('bad messages');

/** After this time messages count as lost and are sent again. */
const LOST_MS = 5000;

/** Longer messages are sent one at a time. */
const LONG_BYTES = 64 * 1024;

/**
 * Publishes these messages and waits until the status shows that each was dropped, for the expected reason only.
 * Pub/sub has no delivery guarantee: on a slow machine a message of megabytes costs the lease, and two of them the
 * subscription (Redis closes a subscriber that is 32 MB behind), and what comes next is lost.
 */
async function areDropped({ client, each }: Victim, channel: string, messages: Readonly<Record<string, readonly string[]>>): Promise<void> {
  const before = new Map(Object.keys(messages).map((counter) => [counter, each.counter(counter)]));
  const takenOf = (counter: string): number => each.counter(counter) - (before.get(counter) as number);
  const areCounted = (counter: string, goal: number, timeoutMs: number): Promise<boolean> =>
    until(() => takenOf(counter) >= goal, {
      timeoutMs,
      what: () => `${goal} dropped messages, not ${takenOf(counter)}, in ${counter}; the log:\n${each.lines.join('\n')}`,
    });
  const publish = async (texts: readonly string[]): Promise<void> => {
    const batch = client.pipeline();
    for (const text of texts) batch.publish(channel, text);
    await batch.exec();
  };
  let repeats = 0;
  for (const [counter, texts] of Object.entries(messages)) {
    const short = texts.filter((text) => text.length < LONG_BYTES);
    const long = texts.filter((text) => text.length >= LONG_BYTES).map((text) => [text]);
    let goal = 0;
    for (const batch of [short, ...long]) {
      goal += batch.length;
      await publish(batch);
      await areCounted(counter, goal, LOST_MS).catch(async () => {
        repeats += batch.length;
        await publish(batch);
        await areCounted(counter, goal, SLOW_MS);
      });
    }
  }
  for (const [counter, texts] of Object.entries(messages)) {
    const taken = takenOf(counter);
    assert.ok(taken >= texts.length && taken <= texts.length + repeats, `${counter}: ${taken} of ${texts.length}, ${repeats} sent again`);
    await statusCounts(client, VICTIM, counter, texts.length);
  }
}

const DROPPED: readonly Step<Victim>[] = [
  [
    'reports that are malformed, oversized, out of range, of other versions or under hostile names are dropped',
    (victim) => areDropped(victim, KEYS.reports, BAD_REPORTS),
  ],
  [
    'invalid load messages are dropped, and do not change the requests in flight',
    async (victim) => {
      await areDropped(victim, KEYS.load, BAD_LOADS);
      assert.is(await victim.client.hget(KEYS.host('good'), 'inflight'), '0');
    },
  ],
  ['invalid figures of balancers are dropped', (victim) => areDropped(victim, KEYS.figures, BAD_FIGURES)],
  ['invalid host tables are dropped, whoever published them', (victim) => areDropped(victim, KEYS.stats, BAD_TABLES)],
  [
    'invalid events are dropped, and a forged one does no lasting harm',
    async (victim) => {
      await areDropped(victim, KEYS.events, BAD_EVENTS);
      await victim.client.publish(KEYS.events, json(OK_EVENT, { event: 'master-released', name: VICTIM }));
      await victim.client.publish(KEYS.events, json(OK_EVENT, { event: 'balancer-left', name: VICTIM, detail: '\x1b[2J' }));
      await victim.isUnharmed();
      await victim.each.becomes('master');
    },
  ],
];

test('invalid messages on each channel are dropped and counted, and change nothing', () =>
  withVictim((victim) => inSteps(victim, DROPPED)));

const UNUSUAL: readonly Step<Victim>[] = [
  [
    "a report for another's name from a new address is refused and counted, with or without a goodbye",
    (victim) =>
      withServer(
        (_request, response) => void response.end('thief'),
        async ({ url }) => {
          const { client, each, goodUrl } = victim;
          for (let i = 0; i < 5; i++) await deliverReport(client, 'good', url, { cpu: 0 });
          await deliverReport(client, 'good', url, { bye: true });
          await statusCounts(client, VICTIM, 'reports_dropped_conflict', 6);
          await victim.isUnharmed();
          assert.equal(await client.hmget(KEYS.host('good'), 'url', 'state'), [goodUrl, 'up']);
          assert.is(each.counter('reports_dropped_conflict'), 6);
        },
      ),
  ],
  [
    'names such as `constructor` are ordinary names',
    (victim) =>
      withServer(
        (_request, response) => void response.end('odd'),
        async ({ url }) => {
          const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype', 'x'.repeat(128), 'A:b-c_d.e'];
          const { client, each, port } = { ...victim, port: victim.each.port };
          const report = async (bye: boolean): Promise<void> => {
            for (const name of names) await deliverReport(client, name, url, { intervalMs: 60_000, bye });
          };
          await sendUntil(
            () => report(false),
            () => each.hosts() === names.length + 1,
            () => `${names.length + 1} hosts, not ${each.hosts()}`,
          );
          await each.knows(names.length + 1);
          const bodies = new Set<string>();
          for (let i = 0; i <= names.length; i++) bodies.add((await ask(port)).body);
          assert.equal([...bodies].toSorted(), ['good', 'odd']);
          await sendUntil(
            () => report(true),
            () => each.hosts() === 1,
            () => `one host, not ${each.hosts()}`,
          );
          await each.knows(1);
        },
      ),
  ],
  [
    'fields of a later version are ignored, and unknown figures stay unknown',
    async ({ client, each }) => {
      const known = each.counter('reports_taken');
      await client.publish(
        KEYS.reports,
        json(OK_REPORT, { host: 'new', cpu: null, memory: undefined, gpu: 0.5, __proto__: { cpu: 9 }, constructor: 1 }),
      );
      await until(() => each.counter('reports_taken') > known);
      await each.knows(2);
      await client.publish(
        KEYS.reports,
        encodeReport({
          host: 'new',
          url: 'http://127.0.0.1:1',
          cpu: null,
          memory: null,
          cores: null,
          rps: null,
          intervalMs: 1000,
          bye: true,
        }),
      );
      await each.knows(1);
    },
  ],
];

test('unusual reports do what they may do, and no more', () => withVictim((victim) => inSteps(victim, UNUSUAL)));

const FLOOD = 5000;

test('a flood of invalid reports delays neither requests nor valid reports', () =>
  withVictim(
    async ({ client, each }) => {
      const pipeline = client.pipeline();
      for (let i = 0; i < FLOOD; i++) pipeline.publish(KEYS.reports, i % 2 === 0 ? 'x' : json(OK_REPORT, { cpu: -1 }));
      const flood = pipeline.exec();
      for (let i = 0; i < 20; i++) assert.is((await ask(each.port)).body, 'good');
      await flood.catch(() => undefined);
      await until(() => each.counter('reports_dropped_malformed') + each.counter('reports_dropped_out_of_range') === FLOOD, {
        timeoutMs: 10_000,
        what: 'all to be counted',
      });
      const taken = each.counter('reports_taken');
      await until(() => each.counter('reports_taken') > taken + 2);
      await until(async () => (await statusOf(client, VICTIM))?.role === 'master');
    },
    {},
    keepThread,
  ));

test.run();
