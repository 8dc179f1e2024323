// What all balancers together have in flight, in virtual time: totals, lost and doubled messages, balancers
// that begin anew or vanish, and the rates.

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
      work: inflight * 10,
      served,
      meanInflight: inflight,
      answers: 0,
      paces: 0,
      evidence: { work: 0, durations: 0, workSquares: 0, workByDuration: 0, durationSquares: 0 },
      counts: [],
    })),
  };
}

test('requests in flight are added up over all balancers', () => {
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
  assert.equal(loads.of('h'), { inflight: 7, work: 70, rps: 0, capacity: null, speed: null });
  assert.is(loads.of('k').inflight, 1);
  assert.is(loads.of('nobody').inflight, 0);
  loads.take(say('b1', [['h', 0, 9]]), 100);
  assert.is(loads.of('h').inflight, 4);
});

test('a message that comes twice changes nothing', () => {
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

test('what a lost message said is made up for by the next one', () => {
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

test('what was served before this master listened is not of its seconds', () => {
  const loads = new FleetLoads();
  loads.tick(0);
  loads.take(say('b1', [['h', 0, 1_000_000]]), 0);
  loads.tick(1000);
  assert.is(loads.of('h').rps, 0);
});

test('a balancer that starts anew under its name begins from nothing', () => {
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

test('a counter that goes back counts as nothing, not as less', () => {
  const loads = new FleetLoads();
  loads.tick(0);
  loads.take(say('b1', [['h', 0, 500]]), 0);
  loads.take(say('b1', [['h', 0, 3]]), 100);
  loads.tick(1000);
  assert.is(loads.of('h').rps, 0);
});

test('a full message that leaves a host out takes its requests off, one in part does not', () => {
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

test('a balancer that says nothing for more than three seconds has nothing in flight', () => {
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

/** A second in which each balancer heard so many answers from each host: `[name, how many, the mean of their paces]`. */
function answer(loads: FleetLoads, balancers: readonly string[], hosts: readonly [string, number, number][], nowMs: number): void {
  for (const balancer of balancers) {
    const message = say(
      balancer,
      hosts.map(([host]) => [host, 0, nowMs]),
    );
    const said = message.hosts.map((each, i) => {
      const [, answers, mean] = hosts[i] as [string, number, number];
      return Object.assign({}, each, { answers, paces: answers * mean });
    });
    loads.take({ ...message, hosts: said }, nowMs);
  }
  loads.tick(nowMs);
  loads.learn(nowMs, () => ({ cpu: null, memory: null, cores: null }));
}

test('a host that answers too soon is found by what all balancers say together, and is no more once it answers as others do', () => {
  const loads = new FleetLoads();
  const balancers = ['b1', 'b2', 'b3', 'b4'];
  for (let ms = 0; ms <= 3000; ms += 1000)
    answer(
      loads,
      balancers,
      [
        ['a', 3, 1],
        ['b', 3, 1.1],
        ['c', 3, 0.9],
      ],
      ms,
    );
  assert.equal(loads.likelyBogus, []);
  // Eight answers of each of four balancers: none of them alone would know it.
  answer(
    loads,
    balancers,
    [
      ['a', 3, 1.2],
      ['b', 8, 0.01],
      ['c', 3, 1.2],
    ],
    4000,
  );
  assert.equal(loads.likelyBogus, ['b']);
  // An answer that took for ever stands for no more than eight times the usual: who takes 2 is not quick beside it.
  answer(
    loads,
    ['b1'],
    [
      ['a', 200, 1e6],
      ['b', 200, 2],
      ['c', 200, 1e6],
    ],
    5000,
  );
  assert.equal(loads.likelyBogus, []);
});

test('what a host that answers too soon seems able to do is not believed, and is no measure for others', () => {
  const loads = new FleetLoads();
  const evidenceOf = (tookMs: number) => ({
    work: 160,
    durations: 16 * tookMs,
    workSquares: 1600,
    workByDuration: 160 * tookMs,
    durationSquares: 16 * tookMs * tookMs,
  });
  for (let i = 1; i <= 40; i++) {
    const hosts = [
      ['a', 10, 1],
      ['b', 1, 0.01],
      ['c', 10, 1],
    ] as const;
    const message = say(
      'b1',
      hosts.map(([host, tookMs]) => [host, tookMs / 5, 16 * i]),
      { seq: i },
    );
    const said = message.hosts.map((each, at) => {
      const [, tookMs, pace] = hosts[at] as (typeof hosts)[number];
      return Object.assign({}, each, { meanInflight: tookMs / 5, evidence: evidenceOf(tookMs), answers: 16, paces: 16 * pace });
    });
    loads.take({ ...message, hosts: said }, 100 * i);
    if (i % 10 === 0) loads.tick(100 * i);
    loads.learn(100 * i, () => ({ cpu: 0.1, memory: null, cores: 4 }));
  }
  assert.equal(loads.likelyBogus, ['b']);
  const [a, b] = [loads.of('a'), loads.of('b')];
  assert.ok(
    (b.speed as number) <= 1.05 * (a.speed as number) && (b.capacity as number) <= 1.05 * (a.capacity as number),
    `${b.speed} ${b.capacity} beside ${a.speed} ${a.capacity}`,
  );
});

test('hosts of which nothing was answered are not called likely bogus, nor are so many that the median cannot be believed', () => {
  const loads = new FleetLoads();
  for (const ms of [0, 1000])
    answer(
      loads,
      ['b1'],
      [
        ['a', 5, 1],
        ['b', 0, 0],
        ['c', 5, 1],
      ],
      ms,
    );
  assert.equal(loads.likelyBogus, []);
  const many = Array.from({ length: 1000 }, (_, i): [string, number, number] => [`h${i}`, 9, i < 490 ? 0.001 : 1]);
  for (const ms of [2000, 3000]) answer(loads, ['b1'], many, ms);
  assert.is(loads.likelyBogus.length, 256);
});

test('an empty message is a sign of life', () => {
  const loads = new FleetLoads();
  loads.take(say('b1', [['h', 2, 0]]), 0);
  loads.take(say('b1', []), 3000);
  loads.tick(5000);
  assert.is(loads.of('h').inflight, 2);
});

test('the rate nears a steady pace by halves and falls to none', () => {
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

test('ticks of other lengths give the same rate, and one of no length gives none', () => {
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

/** So many requests were served since the message before, two at a time or as many as it says, with 10 ms of work in 10 ms each. */
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

test('when timers fire one right after another after a pause, nothing is learned from no time', () => {
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

test('a mean of requests in flight that can’t be does not make a host huge', () => {
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

test('what comes when costs have just changed may be in the old measure, and teaches nothing', () => {
  const learned = (isOld: boolean) => {
    const loads = new FleetLoads();
    loads.seed(buildRow('h', { capacity: 4, speed: 1 }), 0);
    loads.learn(0, unknown);
    for (let i = 0; i <= 50; i++) {
      const message = busy('b1', 20 * i);
      const [host] = message.hosts as [HostLoad];
      const evidence = { work: 1e6, durations: 200, workSquares: 5e10, workByDuration: 1e7, durationSquares: 2000 };
      if (i === 25) loads.rescale({ growth: 1.0001, moved: 0 });
      loads.take(isOld && i === 25 ? { ...message, hosts: [{ ...host, evidence }] } : message, 100 * i);
      loads.learn(100 * i, unknown);
    }
    return loads.of('h').capacity as number;
  };
  assert.is(learned(true), learned(false));
});

test('whatever is lost, doubled or begun anew, the totals are those of the last messages', () => {
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
    // Each is lost, comes once, or comes twice; of one that is lost after a start anew nothing is known either.
    const times = random.below(20) === 0 ? 0 : 1 + random.below(2);
    if (times === 0 && !last.has(balancer)) continue;
    for (let i = 0; i < times; i++) loads.take(message, step);
    if (times === 0) continue;
    const known = isFull ? new Map<string, number>() : (last.get(balancer) ?? new Map<string, number>());
    for (const [host, inflight] of hosts) known.set(host, inflight);
    last.set(balancer, known);
    if (step % 50 === 0) loads.tick(step);
  }
  // Those whose new start was never heard of are still counted as before: let all speak once more.
  for (let i = 0; i < 5; i++) {
    const balancer = `b${i}`;
    loads.take(say(balancer, [], { instance: `${balancer}-${instances.get(balancer) ?? 0}` }), 5001);
  }
  for (let i = 0; i < 6; i++) {
    const expected = [...last.values()].reduce((sum, hosts) => sum + (hosts.get(`h${i}`) ?? 0), 0);
    assert.is(loads.of(`h${i}`).inflight, expected, `h${i}`);
  }
});

test.run();
