// A mastership on a real Redis: what it starts from, what it writes and when, and how it ends. Reports are published as
// agents do; tables are read from the `stats` channel.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { monotonicClock } from '../../lib/clock.js';
import { type MastershipOptions, startMastership } from '../../lib/hosts/mastership.js';
import { NO_STAMP, type HostTable } from '../../lib/model.js';
import { parseRedisAddress } from '../../lib/redis/address.js';
import type { Commands } from '../../lib/redis/connect.js';
import { QuietPublisher } from '../../lib/redis/quiet-publish.js';
import { KeyRing } from '../../lib/redis/fleet-key.js';
import { MessageGate } from '../../lib/redis/message-gate.js';
import { MessageSigner } from '../../lib/redis/sign.js';
import { encodeReport } from '../../lib/redis/report-message.js';
import { decodeTable, encodeTable } from '../../lib/redis/table-message.js';
import { TRAFFIC_DEFAULTS } from '../../lib/config/traffic-config.js';
import { startAwakeTimer } from '../support/awake-time.js';
import { until, withRedis } from '../support/brackets.js';
import { deliverReport, KEYS, publishReport } from '../support/fleet.js';
import { buildRow, buildTable, mastershipOf } from '../support/host-rows.js';
import { withClients } from '../support/redis-client.js';

const test = suite('mastership');

interface Stage {
  readonly client: Commands;
  /** The tables published on `stats`, in order. */
  readonly tables: readonly HostTable[];
  /** What was counted and logged, and the term that ended the mastership. */
  readonly counts: Map<string, number>;
  readonly lines: string[];
  fencedBy: number | undefined;
  start(options?: Partial<MastershipOptions>): Promise<void>;
  /** The first table, which is always full. */
  firstNames(): Promise<string[]>;
  /** Closes the master's connection for good. */
  loseConnection(): Promise<void>;
}

async function withStage(fn: (stage: Stage) => Promise<void>): Promise<void> {
  await withRedis((redis) =>
    withClients([redis.url, redis.url, redis.url], async (client, own, listener) => {
      const tables: HostTable[] = [];
      await listener.subscribe(KEYS.stats);
      listener.on('message', (_channel: string, text: string) => {
        const decoded = decodeTable(text);
        if (decoded.ok) tables.push(decoded.value);
      });
      const counts = new Map<string, number>();
      const started: { stop(): void }[] = [];
      const ring = new KeyRing();
      const publisher = new QuietPublisher(own, () => undefined);
      const stage: Stage = {
        client,
        tables,
        counts,
        lines: [],
        fencedBy: undefined,
        async start(options = {}) {
          await client.set(KEYS.term, `5 ${mastershipOf(5)}`);
          started.push(
            startMastership({
              address: parseRedisAddress(redis.url),
              client: own,
              site: null,
              publisher,
              gate: new MessageGate(
                ring,
                () => undefined,
                () => undefined,
              ),
              signer: new MessageSigner(ring, 'b1'),
              keys: KEYS,
              clock: monotonicClock(),
              health: TRAFFIC_DEFAULTS,
              tls: { ca: undefined, isInsecure: false },
              redisBackAtMs: Number.NEGATIVE_INFINITY,
              leaseTtlMs: 1500,
              term: 5,
              mastership: mastershipOf(5),
              stamp: NO_STAMP,
              rows: [],
              costs: [],
              name: 'b1',
              statics: [],
              count: (name, times = 1) => void counts.set(name, (counts.get(name) ?? 0) + times),
              log: (level, message) => void stage.lines.push(`${level} ${message}`),
              onFenced: (term) => void (stage.fencedBy = term),
              onUnheard: () => undefined,
              onUnwritten: (_term, reason) => void stage.lines.push(`unwritten ${reason}`),
              ...options,
            }),
          );
        },
        async loseConnection() {
          own.disconnect();
        },
        async firstNames() {
          await until(() => tables.length > 0, { what: 'a table' });
          assert.is(tables[0]?.isFull, true);
          return (tables[0] as HostTable).hosts.map(({ name }) => name).toSorted();
        },
      };
      try {
        await fn(stage);
      } finally {
        for (const mastership of started) mastership.stop();
      }
    }),
  );
}

const store = (client: Commands, table: HostTable) => client.set(KEYS.table, encodeTable(table));

test('the first table is full and of the new term, even when it is empty', () =>
  withStage(async (stage) => {
    await stage.start();
    assert.equal(await stage.firstNames(), []);
    assert.equal(stage.tables[0]?.stamp, { term: 5, mastership: mastershipOf(5), seq: 1 });
    await until(async () => (await stage.client.get(KEYS.table)) !== null);
  }));

test('a newer snapshot replaces everything: hosts missing in it have left', () =>
  withStage(async (stage) => {
    await store(stage.client, buildTable(4, 9, [buildRow('a'), buildRow('b', { state: 'down' })]));
    await stage.start({ stamp: { term: 4, mastership: mastershipOf(4), seq: 8 }, rows: [buildRow('a'), buildRow('left')] });
    assert.equal(await stage.firstNames(), ['a', 'b']);
    assert.equal(stage.tables[0]?.hosts.find(({ name }) => name === 'b')?.state, 'down');
  }));

test('an older, garbled or future snapshot is ignored in favour of what the balancer knew', async () => {
  const snapshots = [encodeTable(buildTable(4, 7, [buildRow('old')])), 'garbage', encodeTable(buildTable(6, 1, [buildRow('tocome')])), ''];
  for (const snapshot of snapshots) {
    await withStage(async (stage) => {
      await stage.client.set(KEYS.table, snapshot);
      await stage.start({ stamp: { term: 4, mastership: mastershipOf(4), seq: 8 }, rows: [buildRow('a')] });
      assert.equal(await stage.firstNames(), ['a'], snapshot);
    });
  }
});

test("a stored host whose URL contradicts this balancer's flags is not taken over: the flags win", () =>
  withStage(async (stage) => {
    await store(
      stage.client,
      buildTable(4, 9, [buildRow('a', { url: 'http://old:1', isStatic: true }), buildRow('b', { url: 'http://b:1', isStatic: true })]),
    );
    await stage.start({
      statics: [
        { name: 'a', url: 'http://new:1' },
        { name: 'b', url: 'http://b:1' },
      ],
    });
    assert.equal(await stage.firstNames(), ['a', 'b']);
    assert.is(stage.tables[0]?.hosts.find(({ name }) => name === 'a')?.url, 'http://new:1');
  }));

test('a mastership that restarts in its term continues with higher numbers', () =>
  withStage(async (stage) => {
    await stage.start({ stamp: { term: 5, mastership: mastershipOf(5), seq: 70 }, rows: [buildRow('a')] });
    await stage.firstNames();
    assert.ok((stage.tables[0]?.stamp.seq ?? 0) > 70);
  }));

test('tables follow one another without a gap, each with what changed', () =>
  withStage(async (stage) => {
    await stage.start();
    await stage.firstNames();
    for (let i = 1; i <= 5; i++) {
      await deliverReport(stage.client, `h${i}`, 'http://127.0.0.1:1');
      await until(() => stage.tables.some(({ hosts }) => hosts.some(({ name }) => name === `h${i}`)));
    }
    await deliverReport(stage.client, 'h3', 'http://127.0.0.1:1', { bye: true });
    await until(() => stage.tables.some(({ gone }) => gone.includes('h3')));
    for (const [index, table] of stage.tables.entries()) {
      assert.is(table.stamp.seq, index + 1);
      if (!table.isFull) assert.is(table.previousSeq, index);
    }
    assert.is(await stage.client.exists(KEYS.host('h3')), 0);
  }));

test('the last of several quick changes is in Redis soon, though not every change writes a hash', () =>
  withStage(async (stage) => {
    await stage.start();
    await stage.firstNames();
    for (let i = 1; i <= 30; i++) await deliverReport(stage.client, 'h', 'http://127.0.0.1:1', { cpu: i / 100, intervalMs: 60_000 });
    const awakeMs = startAwakeTimer();
    await until(async () => (await stage.client.hget(KEYS.host('h'), 'cpu')) === '0.3', { what: 'the last figure' });
    assert.ok(awakeMs() < 3000, 'without another report, and well before it is written anyway');
  }));

test('a newer term in Redis ends it, and nothing more is published', () =>
  withStage(async (stage) => {
    await stage.start();
    await stage.firstNames();
    await stage.client.set(KEYS.term, '6');
    // Its own write may have ended it before it receives a report; then nobody listens.
    await until(
      async () => {
        if (stage.fencedBy === undefined) await publishReport(stage.client, 'h', 'http://127.0.0.1:1');
        return stage.fencedBy !== undefined;
      },
      { what: 'the mastership to end' },
    );
    assert.is(stage.fencedBy, 6);
    assert.is(stage.counts.get('writes_fenced'), 1);
    assert.is(
      stage.tables.some(({ hosts }) => hosts.length > 0),
      false,
    );
    assert.is(await stage.client.exists(KEYS.host('h')), 0);
  }));

test("a new master that knows no hosts removes none of the others' while their agents have time to report", () =>
  withStage(async (stage) => {
    await stage.client.zadd(KEYS.hosts, 1, 'known-to-others');
    const startMs = performance.now();
    await stage.start();
    await until(() => stage.tables.some(({ gone }) => gone.includes('known-to-others')), { what: 'the stranger to be taken out' });
    assert.ok(performance.now() - startMs > 5000, 'every balancer keeps such a host for 5 s');
  }));

test("a master that can't publish for a whole lease reports it, even when its connection is lost", () =>
  withStage(async (stage) => {
    await stage.start();
    await stage.firstNames();
    await stage.loseConnection();
    // It needs something to publish.
    const report = encodeReport({ host: 'h1', url: 'http://h1', cpu: 0.2, memory: 0.3, cores: 4, rps: null, intervalMs: 1000, bye: false });
    await until(
      async () => {
        await stage.client.publish(KEYS.reports, report);
        return stage.lines.some((line) => line.startsWith('unwritten '));
      },
      { everyMs: 100, what: 'the master to give up' },
    );
  }));

test('while Redis is full, the whole table is published repeatedly, for late joiners', () =>
  withStage(async (stage) => {
    await stage.start({ rows: [buildRow('a')] });
    await stage.firstNames();
    await stage.client.config('SET', 'maxmemory', '1');
    const whole = (): number => stage.tables.filter(({ isFull }) => isFull).length;
    const before = whole();
    await until(() => whole() >= before + 3, { what: 'three whole tables' });
    await stage.client.config('SET', 'maxmemory', '0');
    await until(() => stage.lines.includes('info the host table is published and stored again'), { what: 'the table to be stored' });
  }));

test.run();
