// What requests and messages cost, computed from CPU times of two spans of time: at rest and under load.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CostsReading, costsOf } from '../../../lib/lab/proof/costs.js';

const test = suite('costs of bench fleet');

/** CPU of a balancer in seconds. */
const cpu = (traffic: number, fleet: number, hosts: number, helpers: number) => ({ traffic, fleet, hosts, helpers });

function reading(atMs: number, balancers: CostsReading['balancers'], load: number, redisSeconds: number): CostsReading {
  const counts = { reports: { messages: 10, bytes: 0 }, load: { messages: load, bytes: 0 }, stats: { messages: 10 + load / 2, bytes: 0 } };
  return { atMs, balancers, redisSeconds, counts };
}

/** Two balancers for two seconds at rest, then for a second under load; the first one is the master. */
const rest = [
  reading(0, [cpu(0, 0, 0, 0), cpu(0, 0, 0, 0)], 0, 0),
  reading(2000, [cpu(0.01, 0.04, 0.06, 0.01), cpu(0.01, 0.02, 0, 0.01)], 20, 0.01),
] as const;
const loaded = [
  reading(3000, [cpu(1, 1, 1, 1), cpu(1, 1, 1, 1)], 100, 1),
  reading(4000, [cpu(1.205, 1.06, 1.07, 1.035), cpu(1.105, 1.01, 1, 1.015)], 160, 1.0045),
] as const;
const measured = { rest, loaded, answered: 3000, hostCount: 4, receivers: { reports: 1, load: 1, stats: 3 } };

function near(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) < 1e-9, `${what}: ${actual}, not ${expected}`);
}

test('costs are what a span under load needs beyond one at rest', () => {
  const costs = costsOf({ ...measured, isMaster: (balancer) => balancer === 0 });
  near(costs.masterCores, 0.06, 'master');
  near(costs.slaveCores, 0.02, 'slave');
  // 0.205 + 0.035 and 0.105 + 0.015 s of traffic and helpers, less 0.01 s at rest for each.
  near(costs.requestMicros, ((0.36 - 0.02) * 1e6) / 3000, 'request');
  // 0.13 s of the master's other threads, less 0.05 s; 60 load messages, less 10; of four hosts each.
  near(costs.masterMessageMicros, (0.08 * 1e6) / (50 * 4), 'message to the master');
  // 60 messages of loads to one, and 30 tables to three.
  near(costs.redisMessageMicros, (0.0045 * 1e6) / (60 + 90), 'message through Redis');
});

test('a single balancer is a master, whose costs stand for a slave', () => {
  const alone = (each: CostsReading): CostsReading => ({ ...each, balancers: each.balancers.slice(0, 1) });
  const first = ([from, to]: readonly [CostsReading, CostsReading]) => [alone(from), alone(to)] as const;
  const costs = costsOf({ ...measured, rest: first(rest), loaded: first(loaded), isMaster: () => true });
  near(costs.masterCores, 0.06, 'master');
  near(costs.slaveCores, 0.06, 'slave');
});

test('fewer messages than at rest cost nothing, rather than less than nothing', () => {
  const costs = costsOf({
    ...measured,
    loaded: [loaded[0], { ...loaded[1], counts: loaded[0].counts }],
    isMaster: (balancer) => balancer === 0,
  });
  assert.is(costs.masterMessageMicros, 0);
  assert.is(costs.redisMessageMicros, 0);
});

test.run();
