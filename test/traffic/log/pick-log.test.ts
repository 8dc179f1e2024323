// The pick log and the explainer: what is remembered, what is forgotten, and that a dry run has no side effects.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Explanation, WhyAnswer } from '../../../lib/explanation.js';
import { DEFAULTS } from '../../../lib/config/config.js';
import { LOOK } from '../../../lib/model.js';
import { decodeAnswer, encodeAnswer } from '../../../lib/redis/why-message.js';
import { createPolicy } from '../../../lib/routing/policy.js';
import { Random } from '../../../lib/routing/random.js';
import { setCandidates } from '../../support/candidates.js';
import { Explainer } from '../../../lib/traffic/request/explainer.js';
import type { ClientSide } from '../../../lib/traffic/client/client-side.js';
import type { Attempt } from '../../../lib/traffic/request/attempt.js';
import { FailureLog } from '../../../lib/traffic/log/failure-log.js';
import { requestIdOf } from '../../../lib/request-id.js';
import { type KeptRequest, PickLog } from '../../../lib/traffic/log/pick-log.js';
import { buildView } from '../../support/host-views.js';
import { carryThrough } from '../../support/carried.js';
import { buildTrafficStage } from '../../support/traffic-context.js';

const test = suite('pick log');

const VIEW = buildView(3, {
  inflight: [1, 3, 3],
  othersInflight: [4, 0, 0],
  capacity: [4, Number.NaN, 2],
  usage: [0.25, 0.5, Number.NaN],
  fleet: { loadsAt: 960 },
  isPanic: true,
});
const named = (slot: number): string => `h${slot}`;

/** One request with one pick that examines these slots. */
function logOne(log: PickLog, ...looks: readonly (readonly [slot: number, look: number, score: number])[]): number {
  const request = log.open(1000, 'GET /', 5, true);
  log.begin(request, 1, 'adaptive', VIEW, 1000, -1);
  for (const [slot, look, score] of looks) log.look(VIEW, slot, 1000, look, score);
  log.end(looks[0]?.[0] ?? -1, looks.length === 0 ? 'none' : 'taken');
  return request;
}

test('a pick is explained with the figures of its time, the picked host first, and each host once', () => {
  const log = new PickLog(8);
  const request = logOne(
    log,
    [1, LOOK.warming, Number.NaN],
    [2, LOOK.eligible, 9],
    [1, LOOK.eligible, 2.5],
    [0, LOOK.excluded, Number.NaN],
    [2, LOOK.eligible, 9],
  );
  const [pick] = log.picksOf(request, named);
  assert.equal(
    pick?.looked.map(({ host, look, score, inflight, capacity, usage }) => [host, look, score, inflight, capacity, usage]),
    [
      ['h1', 'eligible', 2.5, 3, null, 0.5],
      ['h2', 'eligible', 9, 3, 2, null],
      ['h0', 'excluded', null, 1, 4, 0.25],
    ],
  );
  assert.equal(
    [pick?.picked, pick?.end, pick?.candidates, pick?.isPanic, pick?.loadsAgeMs, pick?.isTableOld, pick?.unlisted],
    ['h1', 'taken', 3, true, 40, false, 0],
  );
  assert.equal(log.request(request), {
    ...{ atMs: 1000, className: 'GET /', cost: 5, isCostKnown: true },
    ...{ pool: '', routedBy: undefined, answered: 0 },
  });
});

test('the last requests are remembered, and one whose hosts are overwritten is reported as forgotten', () => {
  const log = new PickLog(8);
  for (let i = 1; i <= 30; i++) assert.is(logOne(log, [0, LOOK.eligible, i]), i);
  for (let i = 1; i <= 30; i++)
    assert.equal([log.request(i) !== undefined, log.picksOf(i, named).length > 0, log.hadPicks(i)], [i > 22, i > 14, i > 22], String(i));
  // There is room for 64 looks: these overwrite the hosts of the earlier picks.
  const greedy = logOne(log, ...Array.from({ length: 60 }, (_, i) => [i % 3, LOOK.eligible, i] as const));
  assert.equal([log.picksOf(30, named).length, log.picksOf(25, named).length, log.hadPicks(25)], [1, 0, true]);
  assert.is(log.picksOf(greedy, named)[0]?.looked.length, 3);
  for (const never of [0, -1, 1.5, 999, Number.NaN]) assert.is(log.request(never), undefined);
});

test('the route, pool and the status of a site’s answer are kept with their request alone', () => {
  const log = new PickLog(2);
  const by = { version: 3, index: 1, line: 12 };
  const kept = (request: number): unknown[] => {
    const { pool, routedBy, answered } = log.request(request) as KeptRequest;
    return [pool, routedBy, answered];
  };
  const routed = log.open(0, '', 0, false, 'api', by);
  log.answered(503);
  const plain = log.open(0, '', 0, false);
  assert.equal(
    [kept(routed), kept(plain)],
    [
      ['api', by, 503],
      ['', undefined, 0],
    ],
  );
  // The room of the first is used again.
  assert.equal(kept(log.open(0, '', 0, false)), ['', undefined, 0]);
});

const explained = (answer: WhyAnswer): Explanation => {
  if (answer.status !== 'explained') throw new Error(answer.status);
  return answer.explanation;
};

async function withExplainer(
  fn: (each: {
    explainer: Explainer;
    request: (target?: string) => Promise<void>;
    stage: ReturnType<typeof buildTrafficStage>;
    log: PickLog;
  }) => Promise<void>,
  hostMaxInflight = 10,
): Promise<void> {
  let nowMs = 1000;
  const stage = buildTrafficStage(() => nowMs++, { hostMaxInflight, queueTimeoutMs: 0 });
  try {
    const log = new PickLog(4);
    const context = {
      ...stage.context,
      ids: { log, failures: new FailureLog(4), prefix: '0123abcd' },
      policy: createPolicy('least-request', new Random(1), log),
    };
    const explainer = new Explainer({ context, random: new Random(2), clock: () => nowMs++, rules: DEFAULTS });
    for (const slot of [0, 1]) {
      const host = { slot, name: `h${slot}`, url: `http://h${slot}:80` };
      stage.hosts.add(host);
      explainer.hostCame(host);
    }
    setCandidates(stage.columns, [0, 1]);
    const request = async (target = '/a'): Promise<void> => {
      const client = {
        head: {
          method: 'GET',
          target,
          version: '1.1',
          headers: [],
          host: 'x',
          framing: 'none',
          length: 0,
          upgrade: undefined,
          expectsContinue: false,
          droppedNames: 0,
          isKeptAlive: true,
        },
        facts: { address: '', isTls: false },
        isGone: false,
        hasStarted: false,
        isBodyTaken: false,
        code: '',
        status: 200,
        bytesIn: 0,
        bytesOut: 0,
        listener: undefined,
        carry: ({ owner }: Attempt) => owner.onAttemptEnd('ok', 200),
        answer: () => undefined,
      };
      await carryThrough(context, client as unknown as ClientSide);
    };
    await fn({ explainer, request, stage, log });
  } finally {
    stage.stop();
  }
}

test('a request is explained by its id and forgotten once overwritten, and an id that was never assigned is unknown', () =>
  withExplainer(async ({ explainer, request }) => {
    await request();
    const { picks, id, className } = explained(explainer.answer({ id: '0123abcd-1' }));
    assert.equal(
      [id, className, picks.length, picks[0]?.algorithm, picks[0]?.looked.length, picks[0]?.attempt, picks[0]?.end],
      ['0123abcd-1', '(rest)', 1, 'least-request', 2, 1, 'taken'],
    );
    for (const wrong of ['0123abcd-2', '0123abcd-0', '0123abcd-01', '0123abcd-', 'ffffffff-1', '0123abcd-zzzzzzzzzzz', ''])
      assert.is(explainer.answer({ id: wrong }).status, 'unknown', wrong);
    for (let i = 0; i < 4; i++) await request();
    assert.equal(
      ['1', '2', '5'].map((digits) => explainer.answer({ id: `0123abcd-${digits}` }).status),
      ['forgotten', 'explained', 'explained'],
    );
  }));

test('a request refused before a pick is reported as unpicked; a full host and a pick without any host are explained', () =>
  withExplainer(async ({ explainer, request, stage, log }) => {
    stage.columns.inflight.fill(10);
    await request();
    const full = explained(explainer.answer({ id: '0123abcd-1' }));
    assert.equal(
      full.picks.map(({ end }) => end),
      ['full'],
    );
    stage.columns.inflight.fill(0);
    setCandidates(stage.columns, []);
    await request();
    assert.equal(
      explained(explainer.answer({ id: '0123abcd-2' })).picks.map(({ end, candidates, looked }) => [end, candidates, looked.length]),
      [['none', 0, 0]],
    );
    log.open(0, '', 1, false);
    assert.is(explainer.answer({ id: '0123abcd-3' }).status, 'unpicked');
  }, 10));

test('a host that took over a slot is not named for the previous host of the slot', () =>
  withExplainer(async ({ explainer, request, stage }) => {
    await request();
    for (const slot of [0, 1]) {
      const host = { slot, name: `new${slot}`, url: `http://new${slot}:80` };
      stage.hosts.add(host);
      explainer.hostCame(host);
    }
    const [pick] = explained(explainer.answer({ id: '0123abcd-1' })).picks;
    assert.equal([pick?.picked, ...(pick?.looked.map(({ host }) => host) ?? [])], [null, null, null]);
    await request();
    assert.match(explained(explainer.answer({ id: '0123abcd-2' })).picks[0]?.picked ?? '', /^new[01]$/);
  }));

test('a dry run is not kept, counts nothing, starts nothing, does not advance round-robin, and picks none for what is refused', () => {
  const stage = buildTrafficStage(() => 1000);
  try {
    for (const slot of [0, 1, 2]) {
      stage.hosts.add({ slot, name: `h${slot}`, url: `http://h${slot}:80` });
    }
    setCandidates(stage.columns, [0, 1, 2]);
    const explainer = new Explainer({
      context: stage.context,
      random: new Random(2),
      clock: () => 1000,
      rules: DEFAULTS,
    });
    for (const slot of [0, 1, 2]) explainer.hostCame({ slot, name: `h${slot}`, url: `http://h${slot}:80` });
    const turn = (): number => stage.context.policy.pick(stage.context.view, 1000, -1, 1);
    const first = turn();
    for (let i = 0; i < 50; i++) assert.is(explained(explainer.answer({ method: 'GET', target: `/${i}` })).picks[0]?.end, 'taken');
    assert.is(turn(), (first + 1) % 3);
    assert.equal([stage.counts(), stage.inflight()], [{}, 0]);
    assert.is(explainer.answer({ id: '00000000-1' }).status, 'unknown');
    for (const [method, target, code, reason] of [
      ['CONNECT', '/', 'MEERCAT_METHOD_NOT_ALLOWED', 'status 405, method "CONNECT"'],
      ['TRACE', '/', 'MEERCAT_METHOD_NOT_ALLOWED', 'status 405, method "TRACE"'],
      ['GET', '/#a', 'MEERCAT_BAD_REQUEST', /^status 400, .*#/],
      ['GET', `/${'x'.repeat(1400)}`, 'MEERCAT_URL_TOO_LONG', /^status 414, /],
    ] as const) {
      const rules = { ...DEFAULTS, maxUrlSize: 1024 };
      const strict = new Explainer({ context: stage.context, random: new Random(2), clock: () => 1000, rules });
      const told = explained(strict.answer({ method, target }));
      assert.equal([told.picks, told.code, told.failures.length], [[], code, 1]);
      assert.match(told.failures[0]?.reason ?? '', reason);
      assert.ok(decodeAnswer(encodeAnswer({ status: 'explained', explanation: told })).ok);
    }
    setCandidates(stage.columns, []);
    assert.is(explained(explainer.answer({ method: 'GET', target: '/' })).picks[0]?.end, 'none');
  } finally {
    stage.stop();
  }
});

test('a failed request is explained with its reasons, even after its picks are forgotten', () =>
  withExplainer(async ({ explainer, request, stage }) => {
    // No host can be picked.
    setCandidates(stage.columns, []);
    await request('/lost');
    setCandidates(stage.columns, [0, 1]);
    const { code, failures } = explained(explainer.answer({ id: '0123abcd-1' }));
    assert.equal([code, failures.map(({ attempt, host, outcome }) => [attempt, host, outcome])], ['', [[0, null, 'refused']]]);
    assert.match(failures[0]?.reason ?? '', /^no host can be picked/);
    for (let i = 0; i < 9; i++) await request('/good');
    const later = explained(explainer.answer({ id: '0123abcd-1' }));
    assert.equal([later.failures, later.picks.length], [failures, 0]);
    assert.equal(explainer.answer({ id: '0123abcd-2' }), { status: 'forgotten' });
    assert.equal(explained(explainer.answer({ id: '0123abcd-a' })).failures, []);
  }));

test('ids are short and unique', () => {
  const ids = { prefix: '0123abcd' };
  assert.equal(
    [1, 35, 36, 36 ** 8].map((request) => requestIdOf(ids.prefix, request)),
    ['0123abcd-1', '0123abcd-z', '0123abcd-10', '0123abcd-100000000'],
  );
});

test.run();
