// What differs between two sites: nothing for two spellings of one site, and each kind of change in the words of the
// document. A property test holds that the least routes have moved and that every change is told.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diffSites } from '../../../lib/config/site/diff-sites.js';
import { renderDiff } from '../../../lib/config/site/render-diff.js';
import type { Site } from '../../../lib/site-model.js';
import { EXAMPLE, siteOf } from '../../support/site-documents.js';

const test = suite('site: diff');

const linesOf = (before: string | null, after: string): string[] =>
  renderDiff(diffSites(before === null ? null : siteOf(before), siteOf(after)))
    .trimEnd()
    .split('\n');

const POOLS = 'version: 1\npools: {a: {}, b: {}}\n';

test('two spellings of one site have no changes', () => {
  assert.equal(linesOf(EXAMPLE, `# moved down\n\n${EXAMPLE}`), ['no changes']);
  assert.equal(linesOf(null, 'version: 1'), ['no changes']);
  assert.equal(linesOf(null, 'version: 1\npools: {default: {protocol: http1}}'), ['no changes']);
  const match = (keys: string): string => `${POOLS}routes:\n- match: {${keys}}\n  to: {a: 1, b: 2}\n`;
  assert.equal(
    linesOf(
      match('hosts: [x.test, y.test], path: /v/, headers: {X-A: "1", X-B: "2"}'),
      match('path: /v, headers: {x-b: "2", x-a: "1"}, hosts: [Y.test., x.test]').replace('{a: 1, b: 2}', '{b: 2, a: 1}'),
    ),
    ['no changes'],
  );
});

test('a first site is compared with what a balancer does without one', () => {
  assert.equal(linesOf(null, 'version: 1\npaths: strict\npools: {a: {hosts: [http://h:1]}}\n'), [
    '~ paths as-written -> strict',
    '+ pool a with 1 host',
    '~ route 1: any request: to {"default":1} -> {"a":1}',
  ]);
});

test('pools and hosts that come, go and change are told by the names of the document', () => {
  const before =
    'version: 1\npools:\n  a: {hosts: [{url: http://h:1, name: h}, http://i:1], limits: {fleet: 10, queueTimeout: 1s}}\n  b: {}\nroutes: [{to: {a: 1, b: 0}}]\n';
  const after =
    'version: 1\npools:\n  a: {hosts: [{url: dns+http://h:1, name: h, weight: 2}, h2://j:1], limits: {fleet: 20}, protocol: h2, retries: {budget: 5%}, affinity: {hash: path}}\n  c: {protocol: h2}\nroutes: [{to: {a: 1, c: 1}}]\n';
  assert.equal(linesOf(before, after), [
    '- pool b with 0 hosts',
    '~ pool a: protocol http1 -> h2',
    '~ pool a: limits.fleet 10 -> 20',
    '~ pool a: limits.queueTimeout 1s -> not set',
    '~ pool a: retries.budget not set -> 5%',
    '~ pool a: affinity not set -> {"kind":"hash","key":{"of":"path"}}',
    '- pool a: host i-1 http://i:1',
    '~ pool a: host h: url http://h:1 -> dns+http://h:1',
    '~ pool a: host h: weight 1 -> 2',
    '+ pool a: host j-1 h2://j:1',
    '+ pool c with 0 hosts',
    '~ route 1: any request: to {"a":1,"b":0} -> {"a":1,"c":1}',
  ]);
});

test('routes that come, go, change and move are told by what they match', () => {
  const before = `${POOLS}routes:
- {match: {hosts: [x.test], path: /v}, to: a}
- {match: {path: {exact: /gone}, methods: [GET]}, respond: {status: 410}}
- {match: {headers: {X-A: "1"}}, to: a}
- {to: b}
`;
  const after = `${POOLS}routes:
- {match: {headers: {X-A: "1"}}, to: a}
- {match: {hosts: [x.test], path: /v}, to: a, rewrite: {stripPrefix: /v}, rateLimit: {requests: 5, per: 1s, key: client}}
- {match: {scheme: http, query: {q: "1"}}, redirect: {scheme: https}}
- {to: b}
`;
  assert.equal(linesOf(before, after), [
    '- route 2: GET /gone; respond {"status":410,"body":"","type":"text/plain; charset=utf-8"}',
    '~ route 1: any request with x-a: 1: was route 3',
    '~ route 2: x.test/v/*: rewrite not set -> {"kind":"strip-prefix","prefix":"/v"}',
    '~ route 2: x.test/v/*: rateLimit not set -> {"requests":5,"burst":5,"key":{"of":"client"},"per":"1s"}',
    '+ route 3: http://* with ?q=1; redirect {"status":302,"scheme":"https","host":null,"port":null,"path":null}',
  ]);
});

test('a change is told whatever it concerns, and nothing of a hostile document reaches the terminal as a control character', () => {
  const variants = [
    'to: a',
    'to: {a: 2}',
    'to: a, headers: {response: {add: {X: "1"}}}',
    'to: a, headers: {request: {add: {X: "1"}}}',
    'to: a, rateLimit: {requests: 1, per: 1s, key: route}',
    'to: a, rateLimit: {requests: 1, per: 2s, key: route}',
    'to: a, rewrite: {path: /x}',
    'redirect: {host: x.test}',
    'respond: {status: 200, body: "\\e[31m"}',
  ];
  for (const [i, one] of variants.entries())
    for (const other of variants.slice(i + 1)) {
      const lines = linesOf(`${POOLS}routes: [{${one}}]`, `${POOLS}routes: [{${other}}]`);
      assert.not.equal(lines, ['no changes'], `${one} and ${other}`);
      assert.not.match(lines.join(''), /\p{Cc}/u);
    }
});

const siteWith = (places: readonly number[]): Site =>
  siteOf(`version: 1\nroutes:\n${places.map((place) => `- {match: {path: /r${place}}, to: default}\n`).join('')}- to: default\n`);

test('of routes in another order the fewest have moved: without them both orders are the same', () => {
  const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 });
  fc.assert(
    fc.property(order, order, (before, after) => {
      const moved = diffSites(siteWith(before), siteWith(after)).flatMap((change) =>
        change.change === 'route-moved' ? [Number(/\d/.exec(change.match)?.[0])] : [],
      );
      const rest = (places: readonly number[]): number[] => places.filter((place) => !moved.includes(place));
      assert.equal(rest(before), rest(after));
      // No larger set of places is in the same order in both.
      for (let kept = 0; kept < 64; kept++) {
        const one = before.filter((place) => (kept >> place) & 1);
        const other = after.filter((place) => (kept >> place) & 1);
        if (one.join() === other.join()) assert.ok(one.length <= 6 - moved.length);
      }
    }),
    { numRuns: 100 },
  );
});

test('10,000 routes in reverse order are compared in time', () => {
  const places = Array.from({ length: 9_999 }, (_, i) => i);
  const changes = diffSites(siteWith(places), siteWith(places.toReversed()));
  assert.is(changes.length, 9_998);
  assert.ok(changes.every(({ change }) => change === 'route-moved'));
});

test.run();
