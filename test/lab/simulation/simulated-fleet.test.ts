// The simulated balancers and their master: mastership over time, and that every balancer's table follows, whatever
// dies, is unreachable or gets lost. Without requests.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EventQueue } from '../../../lib/lab/simulation/event-queue.js';
import type { FleetBalancer } from '../../../lib/lab/simulation/fleet-balancer.js';
import { FleetMaster } from '../../../lib/lab/simulation/fleet-master.js';
import { HOST_ABSENT, HOST_SILENT, HOST_UP, HostMachines } from '../../../lib/lab/simulation/host-machines.js';
import { readScenario } from '../../../lib/lab/simulation/scenario-file.js';
import { SimulatedFleet } from '../../../lib/lab/simulation/simulated-fleet.js';

const test = suite('simulated fleet');

const HOSTS = 5;

interface Stage {
  readonly fleet: SimulatedFleet;
  readonly machines: HostMachines;
  /** Advances time by this many ms. */
  pass(ms: number): void;
  /** The distinct terms of the live balancers' tables. */
  terms(): number[];
  /** Number of candidates of each live balancer. */
  candidates(): number[];
}

function stage(json: object = {}, absent: readonly number[] = []): Stage {
  let nowMs = 0;
  const queue = new EventQueue();
  const machines = new HostMachines(Array.from({ length: HOSTS }, () => ({ cores: 4, speed: 1, memory: 0.4 })));
  for (const host of absent) machines.setStanding(host, HOST_ABSENT, 0);
  const scenario = readScenario({ hosts: [{ count: HOSTS }], ...json }, 'test');
  const fleet = new SimulatedFleet({ scenario, balancers: 4, seed: 1, machines, queue, clock: () => nowMs, hasExchange: true });
  fleet.start();
  const living = () => fleet.balancers.filter(({ isAlive }) => isAlive);
  return {
    fleet,
    machines,
    pass(ms) {
      const endMs = nowMs + ms;
      while (queue.nextMs <= endMs) {
        nowMs = queue.nextMs;
        queue.runNext();
      }
      nowMs = endMs;
    },
    terms: () => [...new Set(living().map(({ writer }) => writer.stamp.term))],
    candidates: () => living().map(({ view }) => view.candidates()[0] as number),
  };
}

test('at the start every balancer knows every host, from the first master', () => {
  const { fleet, terms, candidates } = stage();
  assert.is(fleet.masterIndex, 0);
  assert.equal(terms(), [1]);
  assert.equal(candidates(), [HOSTS, HOSTS, HOSTS, HOSTS]);
});

test('when the master dies the next balancer takes over within the lease and 0.5 s, and all follow it', () => {
  const { fleet, pass, terms, candidates } = stage();
  pass(5000);
  fleet.kill(0);
  assert.is(fleet.masterIndex, -1);
  pass(900);
  assert.is(fleet.masterIndex, -1, 'the lease has not ended yet');
  pass(1100);
  assert.is(fleet.masterIndex, 1);
  assert.equal(terms(), [2]);
  pass(10_000);
  assert.equal(candidates(), [HOSTS, HOSTS, HOSTS]);
});

test('a balancer that comes back has nothing in flight, and follows the master again', () => {
  const { fleet, pass, terms, candidates } = stage();
  pass(2000);
  const balancer = fleet.balancers[3] as FleetBalancer;
  for (let i = 0; i < 3; i++) balancer.begin(i, 5, 2000);
  fleet.kill(3);
  const { seq } = balancer.writer.stamp;
  // The master dies meanwhile too.
  fleet.kill(0);
  pass(3000);
  assert.is(balancer.writer.stamp.seq, seq);
  fleet.revive(3);
  assert.equal([...balancer.columns.inflight], [...balancer.columns.inflight].fill(0));
  assert.equal([...balancer.columns.work], [...balancer.columns.work].fill(0));
  pass(1000);
  assert.equal(terms(), [2]);
  assert.equal(candidates(), [HOSTS, HOSTS, HOSTS]);
  // It tells the master what it has in flight, as one that has started anew.
  balancer.begin(1, 5, 6000);
  pass(100);
  const other = fleet.balancers[2] as FleetBalancer;
  const slot = other.slotOf[balancer.hostOf[1] as number] as number;
  assert.is(other.columns.othersInflight[slot], 1);
});

test('while Redis is down tables are unchanged; afterwards there is a master of the next term', () => {
  const { fleet, pass, terms, candidates } = stage();
  pass(3000);
  fleet.loseRedis(5000);
  pass(4000);
  const stamps = fleet.balancers.map(({ writer }) => writer.stamp.seq);
  pass(900);
  assert.equal(
    fleet.balancers.map(({ writer }) => writer.stamp.seq),
    stamps,
  );
  assert.equal(candidates(), [HOSTS, HOSTS, HOSTS, HOSTS]);
  pass(1000);
  assert.equal(terms(), [2]);
});

test('a silent host is out for all balancers after some checks, and back when it answers', () => {
  const { machines, pass, candidates } = stage();
  pass(3000);
  machines.setStanding(2, HOST_SILENT, 3000);
  pass(10_000);
  assert.equal(new Set(candidates()), new Set([HOSTS - 1]));
  machines.setStanding(2, HOST_UP, 13_000);
  pass(5000);
  assert.equal(new Set(candidates()), new Set([HOSTS]));
});

test('a host that joins is known to all balancers at once, not before; one that leaves is not any more, and its slot is free after its last request', () => {
  const { fleet, machines, pass, candidates } = stage({}, [3, 4]);
  pass(3000);
  assert.equal(candidates(), [3, 3, 3, 3]);
  machines.setStanding(4, HOST_UP, 3000);
  fleet.agents.join(4);
  // Messages of a ms or two, and a flush of the master.
  pass(100);
  assert.equal(candidates(), [4, 4, 4, 4]);

  const balancer = fleet.balancers[1] as FleetBalancer;
  const slot = balancer.slotOf[4] as number;
  for (let i = 0; i < 2; i++) balancer.begin(slot, 5, 3100);
  fleet.agents.leave(4);
  pass(100);
  assert.equal(candidates(), [3, 3, 3, 3]);
  // Its agent reports no more, though the host is still there.
  pass(5000);
  assert.equal(candidates(), [3, 3, 3, 3]);
  balancer.end(slot, 0, 5, 3100, 'ok', 200, 8200);
  machines.setStanding(3, HOST_UP, 8200);
  fleet.agents.join(3);
  pass(100);
  assert.is.not(balancer.slotOf[3], slot, 'a request is still open there');
  balancer.end(slot, 0, 5, 3100, 'ok', 200, 8300);
  machines.setStanding(4, HOST_UP, 8300);
  fleet.agents.join(4);
  pass(100);
  assert.is(balancer.slotOf[4], slot);
  assert.is(balancer.columns.inflight[slot], 0);
});

test('with a third of the messages lost, every balancer still has a table at most two seconds old', () => {
  const { fleet, pass } = stage({ messages: { loss: 0.33 } });
  for (let i = 0; i < 20; i++) {
    pass(1000);
    if (i < 3) continue;
    for (const { columns } of fleet.balancers) {
      for (let slot = 0; slot < HOSTS; slot++)
        assert.ok((i + 1) * 1000 - (columns.reportedAt[slot] as number) < 8000, `${columns.reportedAt[slot]}`);
    }
  }
  assert.ok(fleet.network.lost > 0.25 * fleet.network.sent && fleet.network.lost < 0.4 * fleet.network.sent);
});

test('the timers of a fleet that has been running are anywhere in their intervals: a master looks at its phase', () => {
  const looksOf = (phase: number): number[] => {
    const queue = new EventQueue();
    const looks: number[] = [];
    const busyShare = (): number => {
      looks.push(queue.nowMs);
      return 0;
    };
    const common = { term: 1, balancer: 0, rows: [], costs: [], queue, clock: () => queue.nowMs, isWell: () => true };
    const master = new FleetMaster({ ...common, checkMs: () => 1, publish: () => undefined, busyShare, phase });
    while (queue.nextMs <= 2000) queue.runNext();
    master.stop();
    return looks;
  };
  assert.equal(looksOf(0), [1000, 2000]);
  assert.equal(looksOf(0.75), [250, 1250]);
});

test.run();
