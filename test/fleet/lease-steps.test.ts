// Single steps of the lease's state machine: the effects of late answers, wrong attempts and a stop in each phase. Also
// a fuzz test that sends any event at any moment and checks the machine's invariants.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { leaseTimes } from '../../lib/fleet/lease-waits.js';
import { roleOf, startLease, stepLease } from '../../lib/fleet/lease.js';
import type { LeaseEvent, LeasePhase, LeaseState, LeaseStep } from '../../lib/fleet/lease-model.js';
import { Random } from '../../lib/routing/random.js';

const test = suite('lease steps');

/** The ids of two masterships. */
const [MINE, OTHER] = ['a'.repeat(32), 'b'.repeat(32)];

const TIMES = leaseTimes(1500);
const step = (state: LeaseState, event: LeaseEvent, nowMs: number, random = 0.5): LeaseStep =>
  stepLease(state, event, nowMs, TIMES, random);

/** A machine in each phase at 1000 ms; claiming and master hold the grant of attempt 1 until 2400. */
function stateIn(phase: LeasePhase): LeaseState {
  let state = startLease(1000, 6);
  if (phase === 'waiting') return state;
  if (phase === 'stopped') return step(state, { type: 'stop' }, 1000).state;
  ({ state } = step(state, { type: 'tick' }, 1000));
  if (phase === 'acquiring') return state;
  ({ state } = step(state, { type: 'acquired', attempt: 1, validUntilMs: 2400, mastership: MINE }, 1000));
  if (phase === 'claiming') return state;
  return step(state, { type: 'term-taken', attempt: 2, term: 7 }, 1000).state;
}

const PHASES: readonly LeasePhase[] = ['waiting', 'acquiring', 'claiming', 'master', 'stopped'];

test('a balancer becomes master by acquiring the lease, then a term above all seen', () => {
  assert.equal(
    PHASES.map((phase) => stateIn(phase).phase),
    PHASES,
  );
  assert.equal(
    PHASES.map((phase) => roleOf(stateIn(phase))),
    ['slave', 'slave', 'slave', 'master', 'slave'],
  );
  const asked = step(stateIn('waiting'), { type: 'tick' }, 1000);
  assert.equal(asked.effects, [{ type: 'acquire', attempt: 1 }]);
  const got = step(asked.state, { type: 'acquired', attempt: 1, validUntilMs: 2400, mastership: MINE }, 1010);
  assert.equal(got.effects, [{ type: 'take-term', attempt: 2, floor: 6, mayFound: false }]);
  const elected = step(got.state, { type: 'term-taken', attempt: 2, term: 7 }, 1020);
  assert.equal(elected.effects, [{ type: 'become-master', term: 7, mastership: MINE }]);
  assert.is(elected.state.term, 7);
});

test('a stop releases what is held or requested, and reports the end of mastership', () => {
  const effects = PHASES.map((phase) => step(stateIn(phase), { type: 'stop' }, 1100));
  assert.ok(effects.every(({ state }) => state.phase === 'stopped'));
  assert.equal(
    effects.map((each) => each.effects),
    [
      [],
      [{ type: 'release', grant: 1 }],
      [{ type: 'release', grant: 1 }],
      [
        { type: 'become-slave', term: 7, reason: 'this balancer stops' },
        { type: 'release', grant: 1 },
      ],
      [],
    ],
  );
});

test('a stopped machine does nothing but release late grants', () => {
  const events: LeaseEvent[] = [
    { type: 'tick' },
    { type: 'lease-released' },
    { type: 'redis-ready' },
    { type: 'rank', rank: 2 },
    { type: 'term-seen', term: 99 },
    { type: 'term-taken', attempt: 2, term: 100 },
    { type: 'renewed', attempt: 3, validUntilMs: 9e9 },
    { type: 'acquire-held', attempt: 1, leftMs: 5 },
  ];
  let state = stateIn('stopped');
  for (const event of events) {
    const next = step(state, event, 5000);
    assert.equal(next.effects, []);
    ({ state } = next);
  }
  assert.is(state.phase, 'stopped');
  const late = step(state, { type: 'acquired', attempt: 1, validUntilMs: 9e9, mastership: MINE }, 5000);
  assert.equal(late.effects, [{ type: 'release', grant: 1 }]);
  assert.is(late.state.phase, 'stopped');
});

test('a grant that is no longer awaited is released, in every phase', () => {
  for (const phase of PHASES) {
    const { effects, state } = step(stateIn(phase), { type: 'acquired', attempt: 77, validUntilMs: 2400, mastership: MINE }, 1100);
    assert.equal(effects, [{ type: 'release', grant: 77 }], phase);
    assert.is(state.phase, phase);
  }
});

test('an unanswered attempt is given up, and its grant is released if it still arrives', () => {
  const givenUp = step(stateIn('acquiring'), { type: 'tick' }, 4000);
  assert.equal(givenUp.effects, [{ type: 'release', grant: 1 }]);
  assert.is(givenUp.state.phase, 'waiting');
  const late = step(givenUp.state, { type: 'acquired', attempt: 1, validUntilMs: 9000, mastership: MINE }, 4001);
  assert.equal(late.effects, [{ type: 'release', grant: 1 }]);
});

test('a grant that is about to expire on arrival is released', () => {
  for (const [nowMs, isKept] of [
    [2249, true],
    [2250, false],
    [2400, false],
    [9000, false],
  ] as const) {
    const { effects, state } = step(stateIn('acquiring'), { type: 'acquired', attempt: 1, validUntilMs: 2400, mastership: MINE }, nowMs);
    assert.is(state.phase, isKept ? 'claiming' : 'waiting', `${nowMs}`);
    assert.is(effects[0]?.type, isKept ? 'take-term' : 'release');
  }
});

test('a term that is not above all seen makes no master', () => {
  for (const term of [0, 5, 6]) {
    const { effects, state } = step(stateIn('claiming'), { type: 'term-taken', attempt: 2, term }, 1100);
    assert.equal(effects, [{ type: 'release', grant: 1 }]);
    assert.is(state.phase, 'waiting');
  }
  const overtaken = step(stateIn('claiming'), { type: 'term-seen', term: 7 }, 1050).state;
  assert.is(step(overtaken, { type: 'term-taken', attempt: 2, term: 7 }, 1100).state.phase, 'waiting');
});

test('a balancer that knows no term does not found term 1 until others had the time to restore theirs', () => {
  const missing = step(stateIn('claiming'), { type: 'term-missing', attempt: 2 }, 1020);
  assert.equal(missing.effects, [{ type: 'release', grant: 1 }], 'the lease is left to whoever knows a term');
  assert.is(missing.state.phase, 'waiting');
  assert.is(missing.state.wakeAtMs, 1020 + TIMES.foundAfterMs);
  const claimAt = (state: LeaseState, nowMs: number): LeaseStep => {
    const asked = step(state, { type: 'tick' }, nowMs);
    return step(asked.state, { type: 'acquired', attempt: asked.state.attempt, validUntilMs: nowMs + 1400, mastership: MINE }, nowMs);
  };
  const [claim] = claimAt(missing.state, 2020).effects;
  assert.is(claim?.type === 'take-term' && claim.mayFound, true, 'nobody knew one');
  for (const event of [{ type: 'redis-ready' }, { type: 'term-seen', term: 9, mastership: OTHER }] as const) {
    const { state } = step(missing.state, event, 1500);
    const [again] = claimAt(state, Math.max(state.wakeAtMs, 2020)).effects;
    assert.is(again?.type === 'take-term' && again.mayFound, false, `after ${event.type} the time starts over`);
  }
});

test('two masterships in one term: a master of it steps down, and everyone who notices raises the term in Redis', () => {
  const rival: LeaseEvent = { type: 'term-seen', term: 7, mastership: OTHER };
  const down = step(stateIn('master'), rival, 1100);
  assert.equal(
    down.effects.map(({ type }) => type),
    ['raise-term', 'become-slave', 'release'],
  );
  assert.equal(down.effects[0], { type: 'raise-term', term: 8 });
  assert.is(down.state.highestTerm, 8);
  let state = step(stateIn('waiting'), { type: 'term-seen', term: 7, mastership: MINE }, 1100).state;
  const noticed = step(state, rival, 1200);
  assert.equal(noticed.effects, [{ type: 'raise-term', term: 8 }]);
  assert.equal(step(noticed.state, rival, 1300).effects, [], 'said once');
  // An unknown mastership is no rival.
  state = step(stateIn('master'), { type: 'term-seen', term: 7 }, 1100).state;
  assert.is(state.phase, 'master');
  assert.is(step(state, { type: 'term-seen', term: 7, mastership: MINE }, 1100).state.phase, 'master');
});

test('late answers make a balancer back off, for longer than the lease and longer each time, until an answer is fast', () => {
  let state = stateIn('waiting');
  let nowMs = 1000;
  const waits: number[] = [];
  for (let failure = 0; failure < 8; failure++) {
    ({ state } = step(state, { type: 'tick' }, nowMs));
    assert.is(state.phase, 'acquiring');
    ({ state } = step(state, { type: 'acquire-failed', attempt: state.attempt, isSlow: true }, nowMs + 500, failure / 8));
    waits.push(state.wakeAtMs - nowMs - 500);
    nowMs = state.wakeAtMs;
  }
  assert.ok(
    waits.every((wait, i) => wait >= TIMES.ttlMs && wait >= Math.min(1.5 * (waits[i - 1] ?? 0), 5000)),
    waits.join(),
  );
  assert.ok(
    waits.every((wait) => wait <= 5000),
    'a fleet that is mended has a master within 5 s',
  );
  for (const event of [{ type: 'redis-ready' }, { type: 'lease-released' }, { type: 'round-trip', ms: TIMES.slowMs + 1 }] as const) {
    assert.is(step(state, event, nowMs - 1000).state.wakeAtMs, state.wakeAtMs, `${event.type} is no reason to try`);
  }
  assert.is(step(state, { type: 'round-trip', ms: 2 }, nowMs - 1000).state.wakeAtMs, nowMs - 1000);
});

test('a master that may not write steps down, and a fast heartbeat does not end its backoff', () => {
  const down = step(stateIn('master'), { type: 'write-refused', term: 7, reason: 'no rights' }, 1500);
  assert.equal(down.effects, [
    { type: 'become-slave', term: 7, reason: 'no rights' },
    { type: 'release', grant: 1 },
  ]);
  assert.ok(down.state.wakeAtMs >= 1500 + TIMES.ttlMs);
  assert.is(step(down.state, { type: 'round-trip', ms: 1 }, 1600).state.wakeAtMs, down.state.wakeAtMs);
  assert.is(
    step(stateIn('master'), { type: 'write-refused', term: 6, reason: 'no rights' }, 1500).state.phase,
    'master',
    'of a mastership before',
  );
  const refused = step(stateIn('claiming'), { type: 'term-failed', attempt: 2, isSlow: false, isRefused: true }, 1100);
  assert.ok(refused.state.wakeAtMs >= 1100 + TIMES.ttlMs);
});

test('a barred balancer releases what it holds and requests nothing until the bar is lifted', () => {
  const down = step(stateIn('master'), { type: 'bar', reason: 'the name is taken' }, 1100);
  assert.equal(down.effects, [
    { type: 'become-slave', term: 7, reason: 'the name is taken' },
    { type: 'release', grant: 1 },
  ]);
  assert.equal(step(stateIn('claiming'), { type: 'bar', reason: 'x' }, 1100).effects, [{ type: 'release', grant: 1 }]);
  const asking = step(stateIn('acquiring'), { type: 'bar', reason: 'x' }, 1100).state;
  assert.equal(step(asking, { type: 'acquired', attempt: 1, validUntilMs: 2400, mastership: MINE }, 1100).effects, [
    { type: 'release', grant: 1 },
  ]);
  const barred = step(stateIn('waiting'), { type: 'bar', reason: 'x' }, 1000).state;
  assert.equal(step(barred, { type: 'tick' }, 1000).effects, []);
  const again = step(step(barred, { type: 'tick' }, 1000).state, { type: 'bar', reason: '' }, 1100).state;
  assert.equal(
    step(again, { type: 'tick' }, 1100).effects.map(({ type }) => type),
    ['acquire'],
  );
});

test("a closed connection is no refusal, and another balancer's successful write ends the backoff", () => {
  const closed = step(stateIn('claiming'), { type: 'term-failed', attempt: 2, isSlow: false, isRefused: false }, 1100);
  assert.is(closed.state.wakeAtMs, 1100 + TIMES.retryMs);
  const refused = step(stateIn('claiming'), { type: 'term-failed', attempt: 2, isSlow: false, isRefused: true }, 1100).state;
  const seen = step(refused, { type: 'term-seen', term: 9, mastership: OTHER }, 1200).state;
  assert.is(step(seen, { type: 'lease-released' }, 1300).state.wakeAtMs, 1300);
});

test("another balancer's lease is checked at a random moment before its end, and near its end in the order of succession", () => {
  const lookAt = (leftMs: number, random: number, rank = 2): number => {
    const { state } = step(stateIn('acquiring'), { type: 'rank', rank }, 1000);
    return step(state, { type: 'acquire-held', attempt: 1, leftMs }, 1000, random).state.wakeAtMs - 1000;
  };
  assert.equal(
    [0, 0.5, 0.999].map((random) => Math.round(lookAt(1500, random))),
    [375, 563, 750],
  );
  assert.equal([lookAt(750, 0), lookAt(100, 0.9), lookAt(100, 0.9, 0)], [750 + 5 + 100, 100 + 5 + 100, 100 + 5]);
});

test('a master steps down at the first event after its lease expired, and not a moment earlier', () => {
  const events: LeaseEvent[] = [
    { type: 'tick' },
    { type: 'rank', rank: 1 },
    { type: 'renew-failed', attempt: 3 },
    { type: 'renewed', attempt: 3, validUntilMs: 9000 },
    { type: 'term-seen', term: 1 },
    { type: 'redis-ready' },
    { type: 'lease-released' },
  ];
  const renewing = step(stateIn('master'), { type: 'tick' }, 1500).state;
  assert.is(renewing.isRenewing, true);
  for (const event of events) {
    assert.is(step(renewing, event, 2249).state.phase, 'master', event.type);
    const late = step(renewing, event, 2250);
    assert.is(late.state.phase, 'waiting', event.type);
    assert.equal(
      late.effects.map(({ type }) => type),
      ['become-slave', 'release'],
    );
  }
});

test('a master steps down when it sees a newer term, even in a late answer to its own request', () => {
  for (const event of [
    { type: 'term-seen', term: 8 },
    { type: 'term-taken', attempt: 1, term: 8 },
  ] as const) {
    const { state, effects } = step(stateIn('master'), event, 1100);
    assert.is(state.phase, 'waiting');
    assert.is(state.highestTerm, 8);
    assert.equal(
      effects.map(({ type }) => type),
      ['become-slave', 'release'],
    );
  }
  assert.is(step(stateIn('master'), { type: 'term-seen', term: 7 }, 1100).state.phase, 'master');
});

test('the remaining time of a lease is trusted between 0 and the limit above which it is checked early', () => {
  for (const [leftMs, wakesInMs] of [
    [700, 705],
    [-5, 5],
    [3_600_000, 562.5],
    [null, 150],
    [0, 5],
  ] as const) {
    const { state } = step(stateIn('acquiring'), { type: 'acquire-held', attempt: 1, leftMs }, 1100);
    assert.is(state.wakeAtMs - 1100, wakesInMs, `${leftMs}`);
  }
});

test('each place in the succession waits one step longer, up to the ninth', () => {
  const waits = [0, 1, 2, 8, 9, 63].map((rank) => {
    const { state } = step(stateIn('waiting'), { type: 'rank', rank }, 1000);
    const later = { ...state, wakeAtMs: 5000 };
    return step(later, { type: 'lease-released' }, 2000).state.wakeAtMs - 2000;
  });
  assert.equal(waits, [0, 50, 100, 400, 400, 400]);
});

function randomEvent(random: Random, state: LeaseState, nowMs: number): LeaseEvent {
  const attempt = random.below(3) > 0 ? state.attempt : Math.max(0, state.attempt + 1 - random.below(4));
  const validUntilMs = random.below(3) > 0 ? nowMs + 1483 : nowMs - 500 + random.below(2000);
  const term = random.below(40) === 0 ? state.highestTerm + random.below(3) : random.below(state.highestTerm + 1);
  const events: LeaseEvent[] = [
    { type: 'tick' },
    { type: 'tick' },
    { type: 'tick' },
    { type: 'acquired', attempt, validUntilMs, mastership: MINE },
    { type: 'acquired', attempt, validUntilMs, mastership: MINE },
    { type: 'acquire-held', attempt, leftMs: random.below(3000) - 100 },
    { type: 'acquire-failed', attempt, isSlow: false },
    { type: 'term-taken', attempt, term: state.highestTerm + random.below(3) },
    { type: 'term-failed', attempt, isSlow: false, isRefused: random.below(2) === 0 },
    { type: 'renewed', attempt, validUntilMs },
    { type: 'renew-lost', attempt },
    { type: 'renew-failed', attempt },
    { type: 'term-seen', term },
    { type: 'lease-released' },
    { type: 'rank', rank: random.below(9) },
    { type: 'redis-ready' },
    { type: 'term-missing', attempt },
    { type: 'term-failed', attempt, isSlow: true, isRefused: false },
    { type: 'bar', reason: random.below(2) === 0 ? 'x' : '' },
    { type: 'bar', reason: '' },
    { type: 'acquire-failed', attempt, isSlow: true },
    { type: 'term-seen', term, mastership: OTHER },
    { type: 'write-refused', term: state.term, reason: 'x' },
    { type: 'round-trip', ms: random.below(500) },
  ];
  return events[random.below(events.length)] as LeaseEvent;
}

test('the machine keeps its invariants for any sequence of events', () => {
  let masterships = 0;
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    let [state, nowMs, role, lastTerm] = [startLease(0), 0, 'slave', 0];
    for (let i = 0; i < 500; i++) {
      nowMs += random.below(10) === 0 ? random.below(8000) : random.below(60);
      const event = randomEvent(random, state, nowMs);
      const isGranted = event.type === 'acquired';
      const { state: next, effects } = step(state, event, nowMs);
      for (const effect of effects) {
        if (effect.type === 'become-master') {
          assert.ok(role === 'slave' && effect.term > lastTerm, `seed ${seed}`);
          [role, lastTerm] = ['master', effect.term];
          masterships++;
        } else if (effect.type === 'become-slave') {
          assert.ok(role === 'master' && effect.term === lastTerm, `seed ${seed}`);
          role = 'slave';
        }
      }
      assert.is(roleOf(next), role);
      assert.ok(next.highestTerm >= state.highestTerm && next.attempt >= state.attempt);
      if (next.phase === 'master') assert.ok(nowMs < next.validUntilMs - TIMES.safetyMs || event.type === 'renewed', `seed ${seed}`);
      if (next.phase === 'master') assert.is(next.term, next.highestTerm);
      const isHeld = next.phase === 'claiming' || next.phase === 'master';
      const isReleased = (grant: number) => effects.some((effect) => effect.type === 'release' && effect.grant === grant);
      if (isGranted && !(isHeld && next.grant === event.attempt))
        assert.ok(isReleased(event.attempt), `seed ${seed}: a grant is forgotten`);
      const wasHeld = state.phase === 'claiming' || state.phase === 'master';
      if (wasHeld && !(isHeld && next.grant === state.grant)) assert.ok(isReleased(state.grant), `seed ${seed}: the lease is forgotten`);
      state = next;
    }
  }
  assert.ok(masterships > 50, `${masterships}`);
});

test.run();
