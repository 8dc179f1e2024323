// The fleet's load in virtual time: totals, lost and duplicate messages, balancers that restart or vanish, and rates.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FleetLoads } from '../../lib/hosts/fleet-loads.js';
import type { HostLoad, LoadMessage } from '../../lib/model.js';
import { Random } from '../../lib/routing/random.js';
import { buildRow } from '../support/host-rows.js';

const test = suite('fleet loads');

let seq = 0;

/** A load message; hosts as `[name, inflight, served]`. */
function say(balancer: string, hosts: readonly [string, number, number][], fields: Partial<LoadMessage> = {}): LoadMessage {
  return {
    balancer,
    instance: `${balancer}-1`,
    seq: ++seq,
    classes: [],
    said: [],
    isFull: false,
    statics: [],
    ...fields,
    hosts: hosts.map(([host, inflight, served]) => ({
      host,
      inflight,
      open: inflight,
      longLived: 0,
      work: inflight * 10,
      served,
      meanInflight: inflight,
      evidence: { work: 0, durations: 0, workSquares: 0, workByDuration: 0, durationSquares: 0 },
      counts: [],
    })),
  };
}

test('requests in flight are summed over all balancers', () => {
  const loads = new FleetLoads();
  assert.equal(
    [
      ...loads.take(
        say('b1', [
          ['h', 3, 0],
          ['k', 1, 0],
        ]),
        0,
      ),
    ],
    ['h', 'k'],
  );
  loads.take(say('b2', [['h', 4, 0]]), 0);
  assert.equal(loads.of('h'), { inflight: 7, open: 7, longLived: 0, work: 70, rps: 0, capacity: null, speed: null });
  assert.is(loads.of('k').inflight, 1);
  assert.is(loads.of('nobody').inflight, 0);
  loads.take(say('b1', [['h', 0, 9]]), 100);
  assert.is(loads.of('h').inflight, 4);
});

test('a duplicate message changes nothing', () => {
  const loads = new FleetLoads();
  loads.tick(0);
  loads.take(say('b1', [['h', 0, 100]]), 0);
  const message = say('b1', [['h', 3, 120]]);
  loads.take(message, 100);
  assert.equal([...loads.take(message, 200)], []);
  assert.is(loads.of('h').inflight, 3);
  loads.tick(1000);
  assert.is(loads.of('h').rps, 10, '20 requests in one second, at half weight');
});

test('the next message makes up for a lost one', () => {
  const whole = new FleetLoads();
  const lossy = new FleetLoads();
  for (const loads of [whole, lossy]) {
    loads.tick(0);
    loads.take(say('b1', [['h', 1, 10]]), 0);
  }
  whole.take(say('b1', [['h', 9, 30]]), 250);
  for (const loads of [whole, lossy]) loads.take(say('b1', [['h', 2, 50]]), 500);
  for (const loads of [whole, lossy]) loads.tick(1000);
  assert.equal(lossy.of('h'), whole.of('h'));
  assert.is(lossy.of('h').inflight, 2);
  assert.is(lossy.of('h').rps, 20);
});

test("requests served before this master listened don't count towards its rates", () => {
  const loads = new FleetLoads();
  loads.tick(0);
  loads.take(say('b1', [['h', 0, 1_000_000]]), 0);
  loads.tick(1000);
  assert.is(loads.of('h').rps, 0);
});

test('a balancer that restarts under its name starts from zero', () => {
  const loads = new FleetLoads();
  loads.tick(0);
  loads.take(
    say('b1', [
      ['h', 8, 500],
      ['k', 2, 5],
    ]),
    0,
  );
  const changed = loads.take(say('b1', [['h', 1, 3]], { instance: 'b1-2' }), 100);
  assert.equal([...changed].toSorted(), ['h', 'k']);
  assert.equal([loads.of('h').inflight, loads.of('k').inflight], [1, 0]);
  loads.take(say('b1', [['h', 1, 13]], { instance: 'b1-2' }), 200);
  loads.tick(1000);
  assert.is(loads.of('h').rps, 5, 'ten requests, not minus 490');
});

test('a counter that goes backwards counts as zero, not as negative', () => {
  const loads = new FleetLoads();
  loads.tick(0);
  loads.take(say('b1', [['h', 0, 500]]), 0);
  loads.take(say('b1', [['h', 0, 3]]), 100);
  loads.tick(1000);
  assert.is(loads.of('h').rps, 0);
});

test('a full message that omits a host subtracts its requests, a partial one does not', () => {
  const loads = new FleetLoads();
  loads.take(
    say('b1', [
      ['h', 2, 0],
      ['k', 5, 0],
    ]),
    0,
  );
  loads.take(say('b1', [['h', 3, 0]]), 0);
  assert.is(loads.of('k').inflight, 5);
  assert.equal([...loads.take(say('b1', [['h', 3, 0]], { isFull: true }), 0)], ['k']);
  assert.equal([loads.of('h').inflight, loads.of('k').inflight], [3, 0]);
});

test('a balancer that is silent for more than three seconds has nothing in flight', () => {
  const loads = new FleetLoads();
  loads.take(say('b1', [['h', 2, 0]], { isFull: true }), 0);
  loads.take(say('b2', [['h', 4, 0]]), 2000);
  loads.tick(3000);
  assert.is(loads.of('h').inflight, 6);
  assert.ok(loads.tick(3001).loads.has('h'));
  assert.is(loads.of('h').inflight, 4);
  loads.tick(5001);
  assert.is(loads.of('h').inflight, 0);
});

test('an empty message is a keep-alive', () => {
  const loads = new FleetLoads();
  loads.take(say('b1', [['h', 2, 0]]), 0);
  loads.take(say('b1', []), 3000);
  loads.tick(5000);
  assert.is(loads.of('h').inflight, 2);
});

test('the rate halves its distance to a steady rate every second, and falls to zero', () => {
  const loads = new FleetLoads();
  loads.tick(0);
  loads.take(say('b1', [['h', 0, 0]]), 0);
  const seen: number[] = [];
  for (let second = 1; second <= 4; second++) {
    loads.take(say('b1', [['h', 0, second * 80]]), second * 1000 - 1);
    assert.ok(loads.tick(second * 1000).rates.has('h'));
    seen.push(loads.of('h').rps);
  }
  assert.equal(seen, [40, 60, 70, 75]);
  let nowMs = 4000;
  while (loads.of('h').rps > 0 && nowMs < 60_000) {
    nowMs += 1000;
    loads.take(say('b1', []), nowMs);
    loads.tick(nowMs);
  }
  assert.is(nowMs, 15_000, '75 halved until it is below 0.05');
  const { loads: changed, rates } = loads.tick(nowMs + 1000);
  assert.equal([...changed, ...rates], []);
});

test('ticks of other lengths give the same rate, and one of zero length gives none', () => {
  const loads = new FleetLoads();
  loads.take(say('b1', [['h', 0, 0]]), 0);
  loads.tick(0);
  loads.take(say('b1', [['h', 0, 80]]), 1);
  loads.tick(0);
  assert.is(loads.of('h').rps, 0);
  loads.tick(2000);
  assert.is(loads.of('h').rps, 20, '80 in two seconds, at half weight');
});

const unknown = () => ({ cpu: null, memory: null, cores: null });

/** This many requests were served since the previous message, two at a time unless stated, with 10 ms of work in 10 ms each. */
function busy(balancer: string, served: number, meanInflight = 2): LoadMessage {
  const message = say(balancer, [['h', 0, served]]);
  const [host] = message.hosts as [HostLoad];
  return {
    ...message,
    hosts: [
      { ...host, meanInflight, evidence: { work: 200, durations: 200, workSquares: 2000, workByDuration: 2000, durationSquares: 2000 } },
    ],
  };
}

test('when timers fire back to back after a pause, nothing is learned from zero time', () => {
  const loads = new FleetLoads();
  loads.seed(buildRow('h', { capacity: null, speed: 10 }), 0);
  loads.tick(0);
  loads.learn(0, unknown);
  for (const atMs of [100, 200]) {
    loads.take(busy('b1', atMs / 5), atMs);
    loads.take(busy('b2', atMs / 5), atMs);
  }
  loads.learn(200, unknown);
  loads.take(busy('b1', 60), 300);
  loads.learn(300, unknown);
  loads.take(busy('b2', 60), 300.01);
  loads.learn(300.02, unknown);
  loads.tick(1000);
  loads.take(busy('b1', 80), 1000.01);
  loads.tick(1000.02);
  const { capacity, rps } = loads.of('h');
  assert.ok((capacity as number) < 20, `capacity ${capacity}`);
  assert.ok(rps < 200, `rps ${rps}`);
});

test("an impossible mean of requests in flight does not inflate a host's capacity", () => {
  const learned = (wrong: number) => {
    const loads = new FleetLoads();
    loads.seed(buildRow('h', { capacity: 4, speed: 1 }), 0);
    loads.learn(0, unknown);
    for (let i = 0; i <= 50; i++) {
      loads.take(busy('b1', 20 * i, i === 25 ? wrong : 2), 100 * i);
      loads.learn(100 * i, unknown);
    }
    return loads.of('h').capacity as number;
  };
  const right = learned(2);
  for (const wrong of [11_500, 1e9, Number.MAX_SAFE_INTEGER])
    assert.ok(Math.abs(learned(wrong) / right - 1) < 0.1, `${wrong}: ${learned(wrong)}, else ${right}`);
  assert.ok(learned(12) > right, 'one that can be counts');
});

test('of two hosts the one whose agent sees no CPU in use does not set the standard of what a core does', () => {
  const loads = new FleetLoads();
  loads.learn(0, unknown);
  for (let i = 0; i <= 100; i++) {
    const [host] = busy('b1', 20 * i).hosts as [HostLoad];
    loads.take({ ...say('b1', []), hosts: [host, { ...host, host: 'k' }] }, 100 * i);
    loads.learn(100 * i, (name) => ({ cpu: name === 'h' ? 0.5 : 0, memory: null, cores: 4 }));
    if (i % 10 === 0) loads.tick(100 * i);
  }
  const [one, other] = ['h', 'k'].map((name) => loads.of(name).capacity as number) as [number, number];
  assert.ok(other < 3 * one, `${other}, the other ${one}`);
});

test('right after a change of costs, evidence may be in the old unit and is ignored', () => {
  const learned = (isOld: boolean) => {
    const loads = new FleetLoads();
    loads.seed(buildRow('h', { capacity: 4, speed: 1 }), 0);
    loads.learn(0, unknown);
    for (let i = 0; i <= 50; i++) {
      const message = busy('b1', 20 * i);
      const [host] = message.hosts as [HostLoad];
      const evidence = { work: 1e6, durations: 200, workSquares: 5e10, workByDuration: 1e7, durationSquares: 2000 };
      if (i === 25) loads.rescale(new Map([['default', { growth: 1.0001, moved: 0 }]]));
      loads.take(isOld && i === 25 ? { ...message, hosts: [{ ...host, evidence }] } : message, 100 * i);
      loads.learn(100 * i, unknown);
    }
    return loads.of('h').capacity as number;
  };
  assert.is(learned(true), learned(false));
});

test('after any loss, duplication or restart, the totals are those of the last messages', () => {
  const random = new Random(20_26);
  const loads = new FleetLoads();
  const last = new Map<string, Map<string, number>>();
  const instances = new Map<string, number>();
  loads.tick(0);
  for (let step = 1; step <= 5000; step++) {
    const balancer = `b${random.below(5)}`;
    if (random.below(20) === 0) {
      instances.set(balancer, (instances.get(balancer) ?? 0) + 1);
      last.delete(balancer);
    }
    const isFull = random.below(4) === 0;
    const hosts = Array.from({ length: 6 }, (_, i) => [`h${i}`, random.below(9), step] as [string, number, number]).filter(
      () => random.below(2) === 0,
    );
    const message = say(balancer, hosts, { isFull, instance: `${balancer}-${instances.get(balancer) ?? 0}` });
    // Each message is lost, arrives once, or arrives twice; one lost after a restart is unknown either way.
    const times = random.below(20) === 0 ? 0 : 1 + random.below(2);
    if (times === 0 && !last.has(balancer)) continue;
    for (let i = 0; i < times; i++) loads.take(message, step);
    if (times === 0) continue;
    const known = isFull ? new Map<string, number>() : (last.get(balancer) ?? new Map<string, number>());
    for (const [host, inflight] of hosts) known.set(host, inflight);
    last.set(balancer, known);
    if (step % 50 === 0) loads.tick(step);
  }
  // Balancers whose restart was never heard of still count as before: let all send once more.
  for (let i = 0; i < 5; i++) {
    const balancer = `b${i}`;
    loads.take(say(balancer, [], { instance: `${balancer}-${instances.get(balancer) ?? 0}` }), 5001);
  }
  for (let i = 0; i < 6; i++) {
    const expected = [...last.values()].reduce((sum, hosts) => sum + (hosts.get(`h${i}`) ?? 0), 0);
    assert.is(loads.of(`h${i}`).inflight, expected, `h${i}`);
  }
});

test('before any median is known, a first request that was quick by chance does not make its host many times as fast', () => {
  const loads = new FleetLoads();
  const hosts = ['a', 'b', 'c', 'd'];
  const after = (served: number, durationOf: (host: string) => number): LoadMessage => {
    const message = say(
      'b1',
      hosts.map((host) => [host, 1, served]),
    );
    for (const { host, evidence } of message.hosts) {
      const duration = durationOf(host);
      const seen = { work: 10, durations: duration, workSquares: 100, workByDuration: 10 * duration, durationSquares: duration ** 2 };
      if (served > 0) Object.assign(evidence, seen);
    }
    return message;
  };
  loads.learn(0, unknown);
  loads.take(
    after(0, () => 0),
    0,
  );
  loads.take(
    after(1, (host) => (host === 'a' ? 0.01 : 10)),
    100,
  );
  const known = (): { cpu: number; memory: null; cores: number } => ({ cpu: 0.1, memory: null, cores: 4 });
  loads.learn(100, known);
  const [quick, usual] = [loads.of('a'), loads.of('b')];
  assert.ok((quick.speed as number) <= 3 * (usual.speed as number), `${quick.speed} and ${usual.speed}`);
  assert.ok((quick.capacity as number) <= 3 * (usual.capacity as number), `${quick.capacity} and ${usual.capacity}`);
});

test('speeds are compared within a pool: a pool of quick hosts is not held to the median of slow ones', () => {
  /** What is learned of the host `quick/h` beside these others, which are slower. */
  const learned = (others: readonly string[]) => {
    const loads = new FleetLoads();
    const rate = (host: string) => (host === 'quick/h' ? 1 : 0.01);
    for (let i = 1; i <= 100; i++) {
      const message = say(
        'b1',
        ['quick/h', ...others].map((host): [string, number, number] => [host, 1, 10 * i]),
      );
      const busyHosts = message.hosts.map((host): HostLoad => {
        const work = 100 * rate(host.host);
        return { ...host, evidence: { work, durations: 100, workSquares: work ** 2, workByDuration: work * 100, durationSquares: 1e4 } };
      });
      loads.take({ ...message, hosts: busyHosts }, 100 * i);
      loads.learn(100 * i, unknown);
      if (i % 10 === 0) loads.tick(100 * i);
      if (i === 50) loads.rescale(new Map([['slow', { growth: 7, moved: 0.5 }]]));
    }
    return [loads.of('quick/h').speed, loads.of('quick/h').capacity];
  };
  const alone = learned([]);
  assert.ok((alone[0] as number) > 0, String(alone));
  assert.equal(learned(['slow/a', 'slow/b', 'slow/c', 'd']), alone);
  assert.is.not(String(learned(['quick/a', 'quick/b'])), String(alone), 'those of its own pool count');
});

test.run();
