// What `meercat why` takes as a question and what it prints, by tables.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readQuestion } from '../../lib/console/why.js';
import { pickReason, renderWhy } from '../../lib/console/why-words.js';
import type { ExplainedPick, ExplainedRoute, Explanation, LookedAt, WhyQuestion } from '../../lib/explanation.js';

const test = suite('why words');

function look(host: string | null, fields: Partial<LookedAt> = {}): LookedAt {
  return {
    host,
    look: 'eligible',
    score: 1,
    inflight: 0,
    work: 0,
    othersInflight: 0,
    othersWork: 0,
    capacity: 4,
    speed: 1,
    usage: 0.2,
    reportAgeMs: 300,
    failing: 0,
    ...fields,
  };
}

function build(looked: readonly LookedAt[], fields: Partial<ExplainedPick> = {}): ExplainedPick {
  return {
    attempt: 1,
    algorithm: 'adaptive',
    candidates: 40,
    isPanic: false,
    excluded: null,
    loadsAgeMs: 18,
    isTableOld: false,
    assumedCapacity: 4,
    assumedSpeed: 1,
    unlisted: 0,
    picked: looked[0]?.host ?? null,
    end: 'taken',
    looked,
    ...fields,
  };
}

const WITHOUT_SITE = { route: null, pool: '', answered: 0 } as const;

const REASONS: Readonly<Record<string, readonly [pick: ExplainedPick, says: RegExp]>> = {
  'the busier host': [
    build([look('h1', { inflight: 1, score: 5 }), look('h2', { inflight: 4, othersInflight: 3, score: 9 })]),
    /^h1 was taken: of 2 hosts, drawn at random from 40, the request was expected to be done soonest there, with a score of 5\. h2 had 9: more requests for what it can do \(7 in flight at a capacity of 4, against 1 at 4\)\.$/,
  ],
  'more work': [
    build([look('h1', { work: 10, inflight: 2 }), look('h2', { work: 300, inflight: 2, score: 9 })]),
    /h2 had 9: more work waiting for what it can do \(300 ms at a capacity of 4, against 10 ms at 4\)\.$/,
  ],
  'the slower host': [build([look('h1'), look('h2', { speed: 0.6, score: 9 })]), /h2 had 9: slower \(speed 0\.6 against 1\)\.$/],
  'the failing host': [build([look('h1'), look('h2', { failing: 0.5, score: 9 })]), /h2 had 9: 50% of its recent requests failed\.$/],
  'a capacity that is assumed': [
    build([look('h1', { capacity: null }), look('h2', { inflight: 5, capacity: 2, score: 9 })]),
    /\(5 in flight at a capacity of 2, against 0 at 4, which is assumed\)\.$/,
  ],
  'figures nearly the same': [
    build([look('h1'), look('h2', { score: 1.01 })]),
    /h2 had 1\.01: a close call, with figures nearly the same\.$/,
  ],
  equals: [
    build([look('h1'), look('h2'), look('h3')], { candidates: 3 }),
    /^h1 was taken: of all 3 hosts, .* h2 and h3 scored the same, and chance decided\.$/,
  ],
  many: [
    build([look('h1'), ...[2, 3, 4, 5, 6].map((i) => look(`h${i}`, { score: i, inflight: i }))]),
    /h4 had 4: .* 2 more had higher scores\.$/,
  ],
  resource: [
    build([look('h1', { usage: 0.2, score: 0.2 }), look('h2', { usage: 0.7, score: 0.7, reportAgeMs: 1500 })], { algorithm: 'resource' }),
    /it was the least used, with a score of 0\.2\. h2 had 0\.7: more used \(70% against 20%, the reports 1\.5 s and 300 ms old\)\.$/,
  ],
  'least-request': [
    build([look('h1', { score: 0 }), look('h2', { inflight: 3, score: 3 })], { algorithm: 'least-request' }),
    /it had the fewest of our own requests in flight, with a score of 0\. h2 had 3: more in flight \(3 against 0\)\.$/,
  ],
  'round-robin': [
    build([look('h2', { score: null }), look('h1', { look: 'avoided', score: null })], { algorithm: 'round-robin' }),
    /^It was the turn of h2: .* no figure plays a part\. Passed over: h1, for what this balancer holds against it at the moment\.$/,
  ],
  'the second try': [
    build([look('h2'), look('h1', { look: 'excluded', score: null })], { excluded: 'h1', attempt: 2 }),
    /^h1 had just failed this request and was not to be picked again\. h2 was the only one that could be taken of 2 hosts, drawn at random from 40\.$/,
  ],
  'one host': [build([look('h1', { score: null })], { candidates: 1 }), /^h1 was the only host that could be picked\.$/],
  'a fallback': [
    build([look('h9', { score: null }), look('h1', { look: 'warming', score: 3 })]),
    /^None of the hosts that were drawn could be taken; h9 was one of the others that could\.$/,
  ],
  'all warm up': [build([look('h1', { look: 'warming' })]), /^No host that was looked at could be taken but such as warm up/],
  'all avoided': [build([look('h1', { look: 'avoided', score: null })]), /^h1 was taken although this balancer holds something against it/],
  'old figures': [
    build([look('h1'), look('h2', { inflight: 5, score: 9 })], { isTableOld: true, loadsAgeMs: 4000 }),
    /it had the fewest requests of our own, with a score of/,
  ],
  panic: [build([look('h1')], { isPanic: true }), /^So many hosts are out that all of them are used \(panic\)\./],
  nobody: [
    build([], { picked: null, end: 'none', candidates: 0 }),
    /^No host could be picked: all are down or taken out, or there is none\.$/,
  ],
  'nobody else': [
    build([look('h1', { look: 'excluded' })], { picked: null, end: 'none', candidates: 1, excluded: 'h1' }),
    /No other host could be picked\.$/,
  ],
  full: [build([look('h1')], { end: 'full' }), /But h1 had as many requests of this balancer as it may \(--host-max-inflight\)/],
  'all full': [
    build([look('h1', { look: 'full', score: null })], { end: 'full' }),
    /^No host that could be picked had room for one more request of this balancer\. But h1 had as many .*: the request waits for its turn\.$/,
  ],
  'others full': [
    build([look('h2', { score: null }), look('h1', { look: 'full', score: null })], { algorithm: 'round-robin' }),
    /Passed over: h1, with as many requests of this balancer as a host may have\.$/,
  ],
  gone: [
    build([look(null)], { picked: null, end: 'gone' }),
    /^The host that was picked has left the fleet since.* But \(gone\) was on its way out of the table/,
  ],
};

for (const [kind, [pick, says]] of Object.entries(REASONS)) {
  test(`in words: ${kind}`, () => assert.match(pickReason(pick), says));
}

test('a request is printed with a table, ages and words', () => {
  const pick = build(
    [
      look('h1', { score: 5.25, inflight: 1, work: 4.5, othersInflight: 2, othersWork: 11 }),
      look('h2', { score: 9, inflight: 4, work: 18, capacity: null, speed: null, usage: null, reportAgeMs: null }),
    ],
    { loadsAgeMs: 101 },
  );
  const text = renderWhy(
    'b1',
    { id: '0123abcd-1f' },
    {
      status: 'explained',
      explanation: {
        id: '0123abcd-1f',
        at: '2026-11-24T21:00:00.000Z',
        className: 'GET /work',
        costMs: 5.2,
        isCostKnown: true,
        ...WITHOUT_SITE,
        picks: [pick],
        code: '',
        failures: [],
      },
    },
    Date.parse('2026-11-24T21:00:12.300Z'),
  );
  assert.equal(text.split('\n').slice(0, 8), [
    'request 0123abcd-1f on b1, picked at 2026-11-24T21:00:00.000Z (12.3 s ago)',
    'class GET /work, expected to cost 5.2 ms of CPU',
    '',
    'HOST  SCORE        OURS     OTHERS  CAPACITY  SPEED  USED  REPORTED  FAILING',
    'h1     5.25  1 (4.5 ms)  2 (11 ms)         4      1   20%    300 ms       0%  taken',
    'h2        9   4 (18 ms)          0         -      -     -     never       0%',
    "The other balancers' figures were 101 ms old.",
    'What is not known (-) of a host is assumed: a capacity of 4 and a speed of 1.',
  ]);
});

test('a dry run is called one, and what was refused before a pick is explained', () => {
  const explanation = {
    id: null,
    at: '2026-11-24T21:00:00.000Z',
    className: '(rest)',
    costMs: 1,
    isCostKnown: false,
    ...WITHOUT_SITE,
    picks: [build([look('h1')]), build([look('h2')])],
    code: '',
    failures: [],
  };
  const text = renderWhy('b1', { method: 'GET', target: '/x' }, { status: 'explained', explanation }, 0);
  assert.match(text, /^dry run on b1: GET \/x\nclass \(rest\), of a cost that is not known yet: counted as 1 ms of CPU/);
  assert.match(text, /\n\npick 2, try 1\nHOST/);
  assert.match(renderWhy('b1', { id: '0123abcd-1' }, { status: 'unpicked' }, 0), /^request 0123abcd-1 on b1\nno host was picked for it/);
});

test('a request that failed is explained with its tries, and one that was refused in three lines', () => {
  const at = '2026-11-24T21:00:00.000Z';
  const failed = { id: '0123abcd-1f', at, className: 'GET /work', costMs: 0, isCostKnown: false, ...WITHOUT_SITE, picks: [] };
  const print = (fields: Pick<Explanation, 'code' | 'failures'> & Partial<Explanation>): string =>
    renderWhy('b1', { id: failed.id }, { status: 'explained', explanation: { ...failed, ...fields } }, Date.parse(at));
  assert.is(
    print({
      className: '',
      code: 'MEERCAT_BAD_REQUEST',
      failures: [{ attempt: 0, host: null, outcome: 'refused', reason: 'header name "A_b"' }],
    }),
    `request 0123abcd-1f on b1, at ${at} (0 ms ago)\nrefused: header name "A_b"\nanswered by the balancer itself: MEERCAT_BAD_REQUEST`,
  );
  assert.is(
    print({
      code: 'MEERCAT_HOST_TIMEOUT',
      failures: [
        { attempt: 1, host: 'h1', outcome: 'reset', reason: 'read ECONNRESET' },
        { attempt: 2, host: 'h2', outcome: 'timeout', reason: 'no byte sent for 30s (--response-timeout)' },
      ],
    }),
    `request 0123abcd-1f on b1, at ${at} (0 ms ago)\nclass GET /work\ntry 1 on h1, reset: read ECONNRESET\n` +
      'try 2 on h2, timeout: no byte sent for 30s (--response-timeout)\nanswered by the balancer itself: MEERCAT_HOST_TIMEOUT\nits picks are forgotten',
  );
  assert.match(
    print({ code: '', failures: [{ attempt: 1, host: 'h1', outcome: 'reset', reason: 'x' }], picks: [build([look('h1')])] }),
    /\ntry 1 on h1, reset: x\n\nHOST /,
  );
});

const ROUTE: ExplainedRoute = {
  version: 7,
  index: 2,
  line: 14,
  parts: [
    { part: 'host', how: 'wildcard', wanted: '*.example.test', found: 'api.example.test' },
    { part: 'path', how: 'prefix', wanted: '/v2', found: '/v2/x' },
    { part: 'header', how: 'exact', wanted: 'x-beta: 1', found: 'x-beta: 1' },
  ],
  passed: [
    { index: 0, line: 9, failed: { part: 'path', how: 'exact', wanted: '/v2', found: '/v2/x' } },
    { index: 5, line: 30, failed: { part: 'host', how: 'exact', wanted: 'a.test, b.test', found: null } },
  ],
  unlisted: 3,
  split: [
    { pool: 'api', weight: 95 },
    { pool: 'canary', weight: 5 },
  ],
  target: '/x',
  changes: ['request: set X-A: 1'],
  location: null,
};

test('the route and its reasons stand before the picks; a past request names route, line and version', () => {
  const explanation = {
    ...{ id: null, at: '2026-11-24T21:00:00.000Z', className: 'GET /v2/:id', costMs: 1, isCostKnown: true, code: '', failures: [] },
    ...{ pool: 'api', answered: 0, route: ROUTE, picks: [] },
  };
  const print = (fields: Partial<Explanation>, question: WhyQuestion = { method: 'GET', target: '/v2/x', host: 'api.example.test' }) =>
    renderWhy('b1', question, { status: 'explained', explanation: { ...explanation, ...fields } }, 0).split('\n');
  assert.equal(print({}).slice(0, 14), [
    'dry run on b1: GET http://api.example.test/v2/x',
    'route 3 (line 14) of version 7 of the site',
    '  host api.example.test, by the wildcard *.example.test',
    '  path /v2/x, by the prefix /v2',
    '  header x-beta: 1',
    'more specific routes that do not fit:',
    '  route 1 (line 9): it asks for exact path /v2; the request has /v2/x',
    '  route 6 (line 30): it asks for host a.test, b.test; the request has none',
    '  and 3 more',
    'pool api (95 of 100 go to api, 5 of 100 go to canary)',
    'the host gets the target /x',
    'request: set X-A: 1',
    'class GET /v2/:id',
  ]);
  const kept = { ...ROUTE, parts: [], passed: [], unlisted: 0, split: [], target: null, changes: [] };
  assert.equal(print({ route: kept }, { id: '0123abcd-1' }).slice(1, 3), ['route 3 (line 14) of version 7 of the site', 'pool api']);
  assert.equal(print({ route: { ...kept, version: 0 } })[1], "route 3 (line 14) of the balancer's own site file");
  assert.equal(
    print({ route: { ...kept, location: 'https://a.test/' }, pool: '', answered: 301 })[3],
    'answered by the route: 301, to https://a.test/',
  );
  assert.equal(print({ route: kept, answered: 503 })[4], 'answered by the pool, which is in maintenance: 503; no host is asked');
  const none = { ...ROUTE, index: null, line: null, parts: [] };
  assert.equal(print({ route: none, pool: '', code: 'MEERCAT_NO_ROUTE' }).slice(1, 3), [
    'no route of version 7 of the site fits: MEERCAT_NO_ROUTE',
    'routes that come nearest:',
  ]);
});

test('a question is an id, or a method and a path; a path alone is GET', () => {
  assert.equal(readQuestion('0123abcd-1f', undefined, undefined), { id: '0123abcd-1f' });
  assert.equal(readQuestion('of-a-front/7=@', undefined, undefined), { id: 'of-a-front/7=@' });
  assert.equal(readQuestion('get', '/x?y', 'b1'), { method: 'GET', target: '/x?y' });
  assert.equal(readQuestion('/x', undefined, undefined), { method: 'GET', target: '/x' });
  for (const [what, path, balancer, says] of [
    ['non sense', undefined, undefined, /neither the id of a request/],
    ['x'.repeat(129), undefined, undefined, /neither the id of a request/],
    ['0123abcd-1f', undefined, 'b1', /--balancer goes with a dry run/],
    ['GET', 'x', undefined, /no path/],
    ['GET', '/a b', undefined, /no path/],
    ['G T', '/', undefined, /no method/],
    ['GET', '/', 'b 1', /a balancer's name is/],
    ['GET', undefined, undefined, /neither the id of a request/],
    ['GET', `/${'x'.repeat(2000)}`, undefined, /at most 1500/],
  ] as const)
    assert.throws(() => readQuestion(what, path, balancer), says);
});

test.run();
