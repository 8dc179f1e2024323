// How clients reach balancers: shares by DNS, anycast and a front balancer, unequal clients, and what each of them sees when
// a balancer dies and comes back. Whole runs without costs, except where noted.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunOutcome } from '../../../lib/lab/simulation/run-options.js';
import { readScenario } from '../../../lib/lab/simulation/scenario-file.js';
import { runSimulation } from '../../../lib/lab/simulation/simulation.js';

const test = suite('clients');

const BALANCERS = 4;

function run(clients: object, json: object = {}): RunOutcome {
  const scenario = readScenario(
    {
      hosts: [{ count: 20 }],
      requests: [{ request: 'GET /', cost: '5ms' }],
      warmUp: '500ms',
      duration: '5500ms',
      balancers: [BALANCERS],
      clients,
      ...json,
    },
    'test',
  );
  // 4,000 requests a second.
  return runSimulation({ scenario, policy: 'local-least-connections', balancers: BALANCERS, load: 0.25, seed: 11 });
}

/** Requests of the balancer with most of them, over the mean. */
function unevenness({ use }: RunOutcome): number {
  const requests = use?.requests ?? [];
  return (Math.max(...requests) * requests.length) / requests.reduce((sum, each) => sum + each, 0);
}

test('a front balancer is even, anycast and DNS are uneven by chance, and fewer or unequal clients make it worse', () => {
  const even = unevenness(run({ by: 'even' }));
  const front = unevenness(run({ by: 'front' }));
  const dns = unevenness(run({ by: 'dns', count: 100 }));
  const anycast = unevenness(run({ by: 'anycast', count: 100 }));
  const many = unevenness(run({ by: 'dns', count: 100_000 }));
  assert.ok(front < 1.001 && even < 1.06, `${front}, ${even}`);
  // The standard deviation of 25 clients of 100 is 17 %.
  assert.ok(dns > 1.05 && dns < 1.8, `${dns}`);
  assert.ok(anycast > 1.05 && anycast < 1.8, `${anycast}`);
  assert.ok(many < 1.04, `${many}`);
  const zipf = unevenness(run({ by: 'dns', count: 1000, rates: 'zipf', skew: 1 }));
  const lognormal = unevenness(run({ by: 'dns', count: 1000, rates: 'lognormal', skew: 2 }));
  const equal = unevenness(run({ by: 'dns', count: 1000 }));
  assert.ok(zipf > equal + 0.05 && lognormal > equal + 0.05, `${zipf}, ${lognormal}, ${equal}`);
});

const DEATH = { events: [{ at: '2s', what: 'balancers-die', balancers: 1 }] };

test('clients of any living balancer see only the requests that were on the dead one fail', () => {
  const { errors, requests, answered } = run({ by: 'even' }, DEATH);
  // 4,000 a second for 5 ms are 20 in flight, a quarter of them there.
  assert.ok(errors >= 1 && errors < 30, `${errors}`);
  assert.is(answered + errors, requests);
});

test('a front balancer sends to a dead balancer until its next check', () => {
  const { errors } = run({ by: 'front', check: '700ms' }, DEATH);
  // From 2.0 to 2.1 s, a quarter of 4,000 a second.
  assert.ok(errors > 70 && errors < 150, `${errors}`);
});

test('with DNS the clients of a dead balancer fail until their TTL ends', () => {
  const long = run({ by: 'dns', count: 10_000, ttl: '60s', check: '100ms' }, DEATH);
  const short = run({ by: 'dns', count: 400, ttl: '1s', check: '100ms' }, DEATH);
  const fourSeconds = 4 * 4000 * 0.25;
  assert.ok(Math.abs(long.errors / fourSeconds - 1) < 0.1, `${long.errors} of ${fourSeconds}`);
  // On average the TTL has half a second left, of a quarter of 4,000 requests a second, by chance a bit more or less.
  assert.ok(short.errors > 300 && short.errors < 800, `${short.errors}`);
});

test('after a death anycast moves most connections, which break; with consistent hashes only those of the dead one move', () => {
  const clients = { by: 'anycast', count: 1000, check: '100ms' };
  const modulo = run(clients, DEATH);
  const consistent = run({ ...clients, hash: 'consistent' }, DEATH);
  // A quarter stay where they were; a request fails for each of the others, or those that it had in flight.
  assert.ok(modulo.errors > 600 && modulo.errors < 1000, `${modulo.errors}`);
  assert.ok(consistent.errors > 200 && consistent.errors < 400, `${consistent.errors}`);
});

for (const by of ['even', 'front', 'dns', 'anycast'])
  test(`a balancer that comes back gets requests again, by ${by}, and serves them`, () => {
    const events = [{ at: '1s', what: 'balancers-die', balancers: 2, for: '1s' }];
    const clients = { by, count: 2000, ttl: '500ms', check: '100ms', connection: '300ms' };
    const json = { events, balancerCost: { request: 20, table: 50, load: 50, masterTable: 100, masterLoad: 20 } };
    const whole = run(clients, json);
    const early = run(clients, { ...json, duration: '1200ms' });
    const gained = (index: number): number => (whole.use?.requests[index] ?? 0) - (early.use?.requests[index] ?? 0);
    for (const index of [2, 3]) assert.ok(gained(index) > 0.6 * gained(0), `${index}: ${gained(index)} of ${gained(0)}`);
    assert.is(whole.answered + whole.errors, whole.requests);
    // All failures are of the time of the death and of the return: none later.
    const later = run(clients, { ...json, duration: '7500ms' });
    assert.is(later.errors, whole.errors);
  });

test('the same seed gives the same requests to each balancer, another seed others', () => {
  const clients = { by: 'anycast', count: 300, rates: 'lognormal', check: '100ms' };
  const first = run(clients, DEATH);
  assert.equal(run(clients, DEATH).use, first.use);
  assert.is.not(run({ ...clients, count: 301 }, DEATH).use?.requests[0], first.use?.requests[0]);
});

test.run();
