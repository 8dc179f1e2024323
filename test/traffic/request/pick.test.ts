// Which host an attempt gets, beyond the policy's pick: one with room, and for a retry one without recent failures, also
// in a panic. With the real table, known hosts and policies.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ALGORITHMS, type Algorithm } from '../../../lib/model.js';
import { AVOID_MS } from '../../../lib/routing/ejection.js';
import { createPolicy } from '../../../lib/routing/policy.js';
import { Random } from '../../../lib/routing/random.js';
import { POOL_HEADER } from '../../../lib/table/layout.js';
import { TableWriter } from '../../../lib/table/writer.js';
import { pick } from '../../../lib/traffic/request/pick.js';
import type { TrafficConfig } from '../../../lib/config/traffic-config.js';
import { freePort, until, withServer } from '../../support/brackets.js';
import { withBalancer } from '../../support/fleet.js';
import { ask } from '../../support/http-client.js';
import { buildTrafficStage } from '../../support/traffic-context.js';

const test = suite('pick');

const NOW_MS = 100_000;
const RULES = { maxEjectedPercent: 50, slowStartMs: 0 };

/** Hosts in slots 0, 1, …; eight by default. */
function withHosts(
  algorithm: Algorithm,
  fn: (stage: ReturnType<typeof open>) => void,
  overrides: Partial<TrafficConfig> = {},
  hosts = 8,
): void {
  const stage = open(algorithm, overrides, hosts);
  try {
    fn(stage);
  } finally {
    stage.stop();
  }
}

function open(algorithm: Algorithm, overrides: Partial<TrafficConfig>, count: number) {
  const { columns, hosts, context, stop } = buildTrafficStage(() => NOW_MS, overrides);
  const writer = new TableWriter(columns, () => undefined, RULES);
  for (const host of writer.setStatics(Array.from({ length: count }, (_, i) => ({ name: `h${i}`, url: `http://h${i}:80` }))).added)
    hosts.add(host);
  const policy = createPolicy(algorithm, new Random(7));
  return {
    columns,
    hosts,
    stop,
    /** The slots of this many picks, in order; -1 for none. */
    picks(times: number, excluded = -1): number[] {
      writer.rebuildCandidates(NOW_MS);
      const found = new Set<number>();
      for (let i = 0; i < times; i++) found.add(pick({ ...context, policy }, NOW_MS, excluded, 10, 0, excluded < 0 ? 1 : 2)?.slot ?? -1);
      return [...found].toSorted((a, b) => a - b);
    },
  };
}

for (const algorithm of ALGORITHMS) {
  test(`in a panic a retry goes to a healthy host if there is one (${algorithm})`, () =>
    withHosts(algorithm, ({ columns, picks }) => {
      for (const slot of [0, 1, 2, 4, 5, 7]) columns.ejectedUntil[slot] = Number.POSITIVE_INFINITY;
      assert.equal(picks(500), [0, 1, 2, 3, 4, 5, 6, 7]);
      assert.is(columns.poolHeader[POOL_HEADER.panic], 1);
      assert.equal(picks(500, 0), [3, 6]);
      assert.equal(picks(500, 3), [6]);
      columns.state[6] = 2;
      assert.equal(picks(500, 0), [3]);
      assert.equal(picks(500, 3).length > 0 && picks(500, 3).every((slot) => slot !== 3 && slot >= 0), true, 'any other beats none');
    }));

  test(`a retry skips hosts that failed lately while others are healthy (${algorithm})`, () =>
    withHosts(algorithm, ({ columns, picks }) => {
      for (const slot of [1, 2, 3, 4, 6, 7]) columns.failing[slot] = 0.1 + slot / 100;
      assert.equal(picks(500, 0), [5]);
      columns.avoidUntil[5] = NOW_MS + 500;
      assert.equal(picks(500, 0), [1], 'the one with the fewest failures');
    }));

  test(`a host with room is found even if only one has room, and without any the request waits (${algorithm})`, () =>
    withHosts(
      algorithm,
      ({ columns, picks }) => {
        columns.inflight.fill(5);
        columns.inflight[6] = 4;
        assert.equal(picks(500), [6]);
        columns.inflight[6] = 5;
        assert.is(picks(500).includes(-1), false);
      },
      { hostMaxInflight: 5 },
    ));

  test(`of 2, 3 or 50 hosts no full one is picked while another has room, in the first attempt and in a retry (${algorithm})`, () => {
    for (const hosts of [2, 3, 50]) {
      withHosts(
        algorithm,
        ({ columns, picks }) => {
          for (const room of [0, hosts >> 1, hosts - 1]) {
            columns.inflight.fill(5);
            columns.inflight[room] = 4;
            assert.equal(picks(10_000), [room]);
            if (hosts > 2) assert.equal(picks(1000, (room + 1) % hosts), [room]);
          }
        },
        { hostMaxInflight: 5 },
        hosts,
      );
    }
  });

  test(`when all hosts are full, one whose queue has room is picked (${algorithm})`, () =>
    withHosts(
      algorithm,
      ({ columns, hosts, picks }) => {
        columns.inflight.fill(5);
        for (const slot of [0, 1, 2, 3, 4, 6, 7]) void hosts.get(slot)?.queue.wait(Number.POSITIVE_INFINITY, () => true);
        assert.equal(picks(500), [5]);
      },
      { hostMaxInflight: 5, hostQueue: 1 },
    ));

  test(`without any other host there is none (${algorithm})`, () =>
    withHosts(algorithm, ({ columns, picks }) => {
      for (const slot of [1, 2, 3, 4, 5, 6, 7]) columns.operator[slot] = 1;
      assert.equal(picks(50, 0), [-1]);
      columns.operator[0] = 1;
      assert.equal(picks(50), [-1]);
    }));
}

test('with three of five hosts refusing connections, no request fails', () =>
  withServer(
    (_request, response) => response.end('well'),
    async ({ url }) => {
      const dead = [await freePort(), await freePort(), await freePort()].map((port, index) => ({
        name: `dead-${index}`,
        url: `http://127.0.0.1:${port}`,
      }));
      const statics = [...dead, { name: 'one', url }, { name: 'two', url }];
      await withBalancer({ statics, algorithm: 'round-robin', retryBudgetPercent: 100 }, async ({ port, counter }) => {
        await until(
          async () => {
            await ask(port);
            return counter('panics') > 0;
          },
          { what: 'a panic' },
        );
        for (let round = 0; round < 2; round++) {
          // Each host that refused is avoided for a second.
          await new Promise((resolve) => setTimeout(resolve, AVOID_MS + 100));
          for (let i = 0; i < 10; i++) assert.is((await ask(port)).body, 'well');
        }
        assert.ok(counter('retries_connect_failed') >= 3);
      });
    },
  ));

test.run();
