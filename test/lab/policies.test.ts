// The parts of `meercat bench policies`: the simulated CPU, which must be exact however rarely it is advanced, the scenario,
// which must be the same for all contestants, the choice of contestants, and how other programs are started.

import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAgentChecks } from '../../lib/lab/host-agents.js';
import { PEER_PROGRAMS, type PeerProgram, startPeerProgram } from '../../lib/lab/peer-programs.js';
import { PEER_ALGORITHMS, planPolicies } from '../../lib/lab/policies-plan.js';
import { CLASSES, drawArrivals, drawNeighbours, rateFor, speedOf } from '../../lib/lab/scenario.js';
import { SharedProcessor } from '../../lib/lab/shared-processor.js';
import { ALGORITHMS } from '../../lib/model.js';
import { Random } from '../../lib/routing/random.js';
import { createShutdown } from '../../lib/shutdown.js';
import { isWithin } from '../support/bench.js';
import { withTempDir } from '../support/brackets.js';

const test = suite('bench policies');

test('a simulated CPU gives every request an equal share of the cores, at most one core', () => {
  for (const [cores, speed, taken, works, expected] of [
    [1, 1, 0, [10], [10]],
    [1, 1, 0, [10, 20], [20, 30]],
    [1, 1, 0, [20, 10], [20, 30]],
    [4, 1, 0, [10, 20, 20], [10, 20, 20]],
    [4, 0.5, 0, [10], [20]],
    [4, 1, 3, [10, 10], [20, 20]],
    [2, 1, 0, [10, 10, 10, 30], [20, 20, 20, 40]],
    [4, 1, 4, [10], []],
  ] as const) {
    const processor = new SharedProcessor<number>(cores, speed, 0);
    processor.setTaken(taken);
    works.forEach((work, index) => processor.add(work, index));
    const done = processor.advance(1000);
    assert.equal(
      done.map(({ atMs }) => Math.round(atMs * 1e6) / 1e6),
      [...expected],
      JSON.stringify([cores, speed, taken, works]),
    );
  }
});

test('its counters give the CPU used by requests, available to them, and taken by neighbours', () => {
  const processor = new SharedProcessor<string>(4, 1, 0);
  processor.add(30, 'one');
  assert.equal(processor.advance(10), []);
  processor.setTaken(3);
  processor.add(20, 'other');
  assert.is(processor.nextAtMs, 50);
  assert.equal(
    processor.advance(100).map(({ item, atMs }) => [item, atMs]),
    [
      ['one', 50],
      ['other', 50],
    ],
  );
  assert.equal(processor.meter, { busyMs: 10 + 40, availableMs: 40 + 90, takenMs: 270 });
});

test('it is exact however rarely it is advanced', () => {
  const run = (lookEveryMs: number): [number, number][] => {
    const random = new Random(3);
    const processor = new SharedProcessor<number>(4, 0.6, 0);
    const done: [number, number][] = [];
    const look = (atMs: number): void =>
      void done.push(...processor.advance(atMs).map(({ item, atMs: at }): [number, number] => [item, Math.round(at * 1000)]));
    for (let [atMs, id] = [0, 0]; id < 2000; id++) {
      const nextMs = atMs + random.below(20);
      if (lookEveryMs > 0) for (let lookMs = atMs; lookMs < nextMs; lookMs += lookEveryMs) look(lookMs);
      atMs = nextMs;
      look(atMs);
      if (id % 50 === 0) processor.setTaken(random.below(4));
      processor.add(CLASSES[random.below(3)]?.workMs ?? 1, id);
    }
    look(1e7);
    return done;
  };
  const often = run(0.25);
  assert.is(often.length, 2000);
  assert.equal(run(0), often);
});

test('the same seed draws the same requests and neighbours, with the expected shares', () => {
  const arrivals = drawArrivals(7, 1000, 60_000, 4);
  assert.equal(drawArrivals(7, 1000, 60_000, 4), arrivals);
  // 60,000 requests: within four standard deviations.
  isWithin(arrivals.atMs.length, 59_000, 61_000, 'requests');
  assert.ok(arrivals.atMs.every((atMs, index) => index === 0 || atMs >= (arrivals.atMs[index - 1] as number)));
  CLASSES.forEach(({ share }, index) => {
    const part = arrivals.kind.filter((kind) => kind === index).length / arrivals.kind.length;
    isWithin(part, share - 0.007, share + 0.007, `class ${index}`);
  });
  for (let to = 0; to < 4; to++)
    isWithin(arrivals.to.filter((each) => each === to).length / arrivals.to.length, 0.243, 0.257, `balancer ${to}`);
  assert.equal(drawNeighbours(7, 8, 60_000, 1), drawNeighbours(7, 8, 60_000, 1));
});

test('neighbours move from host to host, and their total is constant', () => {
  const taken = new Map<number, number>();
  let movedAtMs = 0;
  let moves = 0;
  for (const { atMs, host, taken: cores } of drawNeighbours(1, 8, 400_000, 1)) {
    if (atMs > movedAtMs) {
      assert.is(
        [...taken.values()].reduce((sum, each) => sum + each, 0),
        4,
      );
      movedAtMs = atMs;
      moves++;
    }
    isWithin(cores, 0, 3, 'cores');
    taken.set(host, cores);
  }
  // Two neighbours, each for 8 s on average: a hundred moves, within four standard deviations.
  isWithin(moves, 60, 140, 'moves');
});

test('a load is a fraction of the cores not taken by neighbours', () => {
  assert.equal(
    Array.from({ length: 8 }, (_, host) => speedOf(host, 8)),
    [1, 1, 1, 1, 1, 1, 0.6, 0.6],
  );
  // 28 cores of 0.9 on average, 17 ms a request.
  assert.is(Math.round(rateFor(1, 8, 1)), Math.round((28 * 0.9 * 1000) / 17));
  assert.is(rateFor(0.7, 8, 2), rateFor(0.7, 8, 1) / 2);
  assert.is(speedOf(0, 1), 1);
  assert.equal(drawNeighbours(1, 1, 1000, 1), []);
});

test('--only chooses contestants by name, by program and without the program, and the control plane', () => {
  const chosen = (...only: readonly string[]): string[] => {
    const { algorithms, peers, hasControlPlane } = planPolicies({ only });
    return [...algorithms, ...peers.map(({ label }) => label), ...(hasControlPlane ? ['control-plane'] : [])];
  };
  const ofHaproxy = ['haproxy leastconn', 'haproxy random(2)', 'haproxy leastconn+agents', 'haproxy roundrobin+agents'];
  assert.equal(planPolicies({}), { algorithms: ALGORITHMS, peers: PEER_ALGORITHMS, hasControlPlane: true });
  assert.equal(chosen('haproxy'), ofHaproxy);
  assert.equal(chosen('meercat'), [...ALGORITHMS]);
  assert.equal(chosen('random two', 'adaptive'), ['adaptive', 'nginx random two']);
  assert.equal(chosen('haproxy leastconn', 'leastconn'), ['haproxy leastconn']);
  assert.equal(chosen('meercat adaptive', 'control-plane'), ['adaptive', 'control-plane']);
  assert.equal(chosen('control-plane'), ['control-plane']);
  for (const wanted of ['', 'caddy', 'lea', 'meercat ', 'Adaptive'])
    assert.throws(() => chosen(wanted), /^--only: one of meercat .*, haproxy leastconn\+agents, .*, haproxy, nginx, control-plane, not "/);
});

test('--hosts is refused where --only leaves out the control plane', () => {
  assert.throws(() => planPolicies({ only: ['haproxy'], hosts: [10] }), /^--hosts: add control-plane to --only/);
  assert.is(planPolicies({ only: ['haproxy', 'control-plane'], hosts: [10] }).hasControlPlane, true);
  assert.is(planPolicies({ hosts: [10] }).hasControlPlane, true);
});

test('weights and answers of agents are read from the statistics of HAProxy', () => {
  const csv = [
    '# pxname,svname,weight,agent_status,check_status',
    'bench,FRONTEND,,,',
    'bench,h1,63,L7OK,L4OK',
    'bench,h2,1,* L7OK,L4OK',
    'bench,h3,100,L4CON,L4OK',
    'bench,BACKEND,164,,',
    'status,FRONTEND,,,',
    '',
  ].join('\n');
  assert.equal(parseAgentChecks(csv), { weights: [63, 1, 100], answered: 2 });
  assert.equal(parseAgentChecks(''), { weights: [], answered: 0 });
});

test('a program that refuses its configuration is not started, and the error has its first line', () =>
  withTempDir(async (folder) => {
    const refusing = join(folder, 'haproxy');
    writeFileSync(
      refusing,
      '#!/bin/sh\n[ "$1" = -c ] || touch "$0.started"\nprintf "\\n  [ALERT] no such keyword\\nmore\\n" >&2\nexit 1\n',
    );
    chmodSync(refusing, 0o755);
    const shutdown = createShutdown((error) => assert.unreachable(String(error)));
    const haproxy = PEER_PROGRAMS.find(({ name }) => name === 'haproxy') as PeerProgram;
    try {
      const error = await startPeerProgram(haproxy, refusing, [1], { core: null, shutdown }).then(
        () => undefined,
        (reason: Error) => reason,
      );
      assert.is(error?.message, 'it refuses its configuration: [ALERT] no such keyword');
      assert.is(existsSync(`${refusing}.started`), false);
    } finally {
      await shutdown.run();
    }
  }));

test.run();
