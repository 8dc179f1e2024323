// What is wrong with a site document is told with line and column, all at once: each kind of mistake with the way out.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatProblem } from '../../../lib/config/site/problems.js';
import { problemsOf } from '../../support/site-documents.js';

const test = suite('site: bad documents');

/** Mistakes, each with how its only problem begins or what it says. */
type Cases = readonly (readonly [document: string, says: string | RegExp])[];

function areRefused(cases: Cases, toDocument: (text: string) => string = (text) => text): void {
  for (const [text, says] of cases) {
    const problems = problemsOf(toDocument(text));
    assert.is(problems.length, 1, `${text}\n${problems.join('\n')}`);
    const [problem = ''] = problems;
    if (typeof says === 'string') assert.ok(problem.startsWith(says), `${text}\n${problem}`);
    else assert.match(problem, says);
    assert.not.match(problem, /\p{Cc}|undefined|\[object/u);
    assert.ok(problem.length < 600, problem);
  }
}

test('all problems are told at once, in the order of the document', () => {
  const text = `version: 1
pools:
  web:
    host: [http://10.0.0.7:3000]
    health: { path: healthz, interval: 1x }
  api: { algorithm: adaptiv }
routes:
  - match: { hosts: ["www.example.test:443"], path: v2 }
    to: webb
  - redirect: {}
    to: api
`;
  assert.equal(problemsOf(text), [
    '4:5 pool `web`: unknown key `host`; did you mean `hosts`?',
    '5:21 pool `web`: health.path: must be a path such as /health, without spaces and #, not "healthz"',
    '5:40 pool `web`: health.interval: must be a duration from 100ms to 10m, such as 500ms, 2s or 1m, not "1x"',
    '6:21 pool `api`: algorithm: must be `adaptive`, `least-request`, `resource` or `round-robin` (did you mean `adaptive`?), not "adaptiv"',
    "8:22 route 1: match.hosts: `www.example.test:443` has a port, and ports don't matter: write `www.example.test`",
    '8:53 route 1: match.path: must be a path such as /v2, not "v2"',
    '9:9 route 1: to: there is no pool `webb`; did you mean `web`?',
    "10:5 route 2: `redirect` can't stand beside `to`: keep one of them",
  ]);
  const [first] = problemsOf(text);
  assert.ok(first !== undefined);
  assert.is(formatProblem('site.yaml', { line: 4, column: 5, message: 'm' }), 'site.yaml:4:5: m');
});

test('of more than a hundred problems the others are counted', () => {
  const many = problemsOf(`version: 1\n${Array.from({ length: 150 }, (_, i) => `x${i}: 1\n`).join('')}`);
  assert.is(many.length, 101);
  assert.is(many[100], '102:1 and 50 more problems from here on');
});

test('a text that is no document of YAML or JSON is refused where it goes wrong', () =>
  areRefused([
    ['', '1:1 the document is empty; the least is `version: 1`'],
    ['# nothing\n', /the document is empty/],
    ['null', '1:1 the document is empty'],
    ['[]', '1:1 must be a map with the keys `version`, `paths`, `pools`, `routes`, not a list'],
    ['hello', '1:1 must be a map with the keys'],
    ['version: 1\npools:\n\tweb: {}\n', '3:1 a tab indents this line: YAML takes only spaces'],
    ['version: 1\nroutes:\n- to: a: b\n', /^3:\d+ a map within a line: put a value that contains ": " in quotes/],
    ['version: 1\npools: {web: {}', /^2:\d+ not well-formed: Flow map/],
    ['version: 1\n---\nversion: 1\n', '2:1 a second document begins here: a site is one document'],
    ['version: 1\0', '1:11 the character U+0000 can\'t be in a document: write it as "\\u0000" in quotes, or leave it out'],
    ['version: 1\npaths: "\u0007"\n', /^2:9 the character U\+0007/],
    ['version: 1\r\npools: \x1b[31m{}\n', /^2:8 the character U\+001B/],
    ['version: 1\npaths: !!str strict\n', /^2:\d+ the tag "tag:yaml.org,2002:str": a site has no tags/],
    ['version: 1\npools: !x {}\n', /^2:\d+ the tag "!x": a site has no tags/],
    ['version: 1\npaths: "a" "b"\n', '2:12 not well-formed: "\\"b\\"" stands behind a value'],
    ['*a '.repeat(300_000), '1:4 not well-formed: `*a` stands behind a value'],
    ['%a\n'.repeat(300_000), '2:1 a second directive (%): a site needs none'],
    ['version: 1\n? [a]\n: b\n', /^2:3 a list can't be a key/],
  ]));

test('anchors and aliases that explode, never end or lead nowhere are refused at once', () => {
  const laughs = ['a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]'];
  for (let i = 1; i < 30; i++)
    laughs.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  areRefused([
    [`version: 1\n${laughs.join('\n')}`, /^\d+:\d+ aliases make the document larger than 2097152 characters/],
    ['version: 1\npools: &p {web: *p}\n', '2:17 the alias `*p` has no anchor "&p" that ends before it'],
    ['version: 1\npools: *nowhere\n', '2:8 the alias `*nowhere` has no anchor'],
    ['version: 1\npools:\n  a: &a {}\n  b: {<<: *a}\n', '4:7 merge keys (`<<`) are not part of YAML 1.2'],
  ]);
  // A long text that is used often costs as much as if it stood there often.
  const body = `version: 1\npools:\n  a: {respond: {status: 503, body: &b ${'x'.repeat(60_000)}}}\n`;
  const uses = Array.from({ length: 50 }, (_, i) => `  p${i}: {respond: {status: 503, body: *b}}\n`).join('');
  areRefused([[body + uses, /aliases make the document larger/]]);
});

test('a document that is too large, too deep or has too much of something is refused without being read further', () =>
  areRefused([
    [`version: 1\n#${'x'.repeat(10_000_000)}`, '1:1 the document has 10000012 bytes; at most 1MiB are possible'],
    [`#${'é'.repeat(600_000)}`, '1:1 the document has 1200001 bytes'],
    [
      `version: 1\nroutes:\n${'- to: a\n'.repeat(100_000)}`,
      '3:1 a list or map begins here that has more than 16384 entries; a site has at most 10000 routes',
    ],
    [`version: 1\nroutes:\n${'- to: a\n'.repeat(10_001)}`, '3:1 routes: has 10001 entries; at most 10000 are possible'],
    [`[${'a,'.repeat(500_000)}]`, '1:1 a list or map begins here that has more than 16384 entries'],
    ['#\n'.repeat(500_000), /^\d+:\d+ the document has more than 700000 words, signs and blanks up to here$/],
    ['}\n'.repeat(500_000), '1:1 not well-formed: Unexpected flow-map-end token'],
    [
      JSON.stringify({ version: 1, pools: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`p${i}`, {}])) }),
      /pools: has 1025 entries/,
    ],
    [
      JSON.stringify({ version: 1, pools: Object.fromEntries(Array.from({ length: 1024 }, (_, i) => [`p${i}`, {}])) }),
      /pools: has 1024 entries besides `default`; at most 1024 pools are possible with it$/,
    ],
    [
      JSON.stringify({
        version: 1,
        pools: Object.fromEntries(['a', 'b', 'c'].map((pool) => [pool, { hosts: Array.from({ length: 6000 }, (_, i) => `http://h${i}`) }])),
      }),
      /pool `c`: the pools up to here name 18000 hosts; at most 16384 are possible$/,
    ],
    ['['.repeat(1 << 20), '1:33 values are nested deeper than 32 levels'],
    ['- '.repeat(1 << 19), '1:64 values are nested deeper than 32 levels'],
    ['{a: '.repeat(1 << 18), /^1:\d+ values are nested deeper than 32 levels/],
    [
      `version: 1\nroutes: [{match: {headers: {${Array.from({ length: 17 }, (_, i) => `x${i}: a`).join()}}}, to: default}]`,
      /has 17 entries; at most 16/,
    ],
  ]));

test('hosts, methods and schemes of all routes together are bounded, whatever aliases do with them', () => {
  const hosts = Array.from({ length: 1000 }, (_, i) => `h${i}`).join();
  const first = `- {match: {hosts: &h [${hosts}], methods: &m [${[...'ABCDEFGHIJKLMNOP'].join()}]}, to: default}\n`;
  const more = Array.from({ length: 40 }, (_, i) => `- {match: {path: /${i}, hosts: *h, methods: *m}, to: default}\n`).join('');
  areRefused([[`version: 1\nroutes:\n${first}${more}`, /more than 1000000 combinations of host names, methods and schemes$/]]);
});

test('a version that is not known is the only problem, since nothing else can be judged', () =>
  areRefused([
    ['version: 2\nfoo: 1\n', '1:10 version 2 of the format is not known: it needs a newer Meercat; this one reads version 1'],
    ['version: 0\nfoo: 1\n', '1:10 version 0 of the format is not known; this one reads version 1'],
    ['version: -1\n', '1:10 version -1 of the format is not known; this one'],
    ['version: "1"\n', '1:10 version: must be 1, not "1"'],
    ['version: 1.5\n', '1:10 version: must be 1, not `1.5`'],
    ['version:\n', /version: must be 1, not an empty value$/],
    ['pools: {}\n', '1:1 `version` is missing'],
  ]));

test('a key that is given twice is refused, with the line of the first', () =>
  areRefused([
    ['version: 1\nversion: 1\n', '2:1 `version` is given twice: it stands on line 1 already'],
    ['version: 1\npools:\n  a: {}\n  b: {}\n  "a": {}\n', '5:3 pools: `a` is given twice: it stands on line 3 already'],
    ['{"version": 1,\n"pools": {"a": {},\n"a": {}}}', '3:1 pools: `a` is given twice: it stands on line 2 already'],
    [
      'version: 1\nroutes:\n- match: {headers: {X-A: "1", x-a: "2"}}\n  to: default\n',
      /`x-a` is given twice: names of header fields have no case/,
    ],
    ['version: 1\nroutes:\n- match: {hosts: [a.test, A.TEST.]}\n  to: default\n', /match.hosts: `a.test` is given twice/],
    ['version: 1\nroutes:\n- match: {methods: [GET, GET]}\n  to: default\n', /match.methods: `GET` is given twice/],
  ]));

const inPool = (keys: string): string => `version: 1\npools:\n  p: ${keys}\n`;

test('values of a pool that are of the wrong type, negative, huge or no numbers are refused', () =>
  areRefused(
    [
      ['[]', '3:6 pool `p`: must be a map with the keys `algorithm`'],
      ['', /pool `p`: must be a map .* not an empty value$/],
      ['{limits: 5}', /limits: must be a map with the keys `perHost`, `fleet`, `queue`, `queueTimeout`, not `5`$/],
      ['{limits: {fleet: "5000"}}', /limits.fleet: must be a whole number from 1 to 1000000000 without quotes, not "5000"$/],
      ['{limits: {fleet: 0}}', /limits.fleet: must be a whole number from 1 .* not `0`$/],
      ['{limits: {fleet: -1}}', /not `-1`$/],
      ['{limits: {fleet: 1.5}}', /not `1.5`$/],
      ['{limits: {fleet: .nan}}', /not `.nan`$/],
      ['{limits: {fleet: .inf}}', /not `.inf`$/],
      ['{limits: {fleet: 1e999}}', /not "?`?1e999/],
      ['{limits: {fleet: 99999999999999999999999}}', /not `9{23}`$/],
      ['{limits: {fleet: true}}', /not `true`$/],
      ['{limits: {fleet: [5]}}', /not a list$/],
      ['{limits: {queueTimeout: -1s}}', /limits.queueTimeout: must be a duration from 0ms to 1m, .* not "-1s"$/],
      ['{limits: {queueTimeout: -5}}', /must be a duration .* not "-5"$/],
      ['{limits: {queueTimeout: 1.5}}', /must be a duration such as 500ms, 2s or 1m, not `1.5`$/],
      ['{limits: {queueTimeout: 99999999999999999999s}}', /must be a duration/],
      ['{limits: {queueTimeout: 2m}}', /must be a duration from 0ms to 1m/],
      ['{limits: {queueTimeout: NaN}}', /must be a duration/],
      ['{limits: {queueTimout: 1s}}', /unknown key `queueTimout`; did you mean `queueTimeout`\?$/],
      ['{retries: {budget: 120%}}', /retries.budget: must be a percentage from 0% to 100%, such as 20%, not "120%"$/],
      ['{retries: {budget: -20%}}', /must be a percentage/],
      ['{retries: {budget: 20.5}}', /must be a percentage/],
      ['{retries: {attempts: 0}}', /retries.attempts: must be a whole number from 1 to 10/],
      ['{protocol: http2}', /protocol: must be `http1` or `h2`.*, not "http2"$/],
      ['{hosts: ["h2c://10.0.0.7:50051"]}', /hosts: "h2c:\/\/10\.0\.0\.7:50051" is no origin: .*h2:\/\/10\.0\.0\.7/],
      ['{hosts: ["srv+h2://_grpc._tcp.internal:50051"]}', /SRV records tell the ports: leave out the port$/],
      ['{hosts: ["dns+h2+tls://10.0.0.7:50051"]}', /`10\.0\.0\.7` is an address, which needs no look-up: leave out "dns\+"$/],
      ['{timeouts: {connect: 1h}}', /timeouts.connect: must be a duration from 10ms to 1m/],
      ['{health: {statuses: 99}}', /health.statuses: must be statuses from 100 to 599/],
      ['{health: {path: "/a b"}}', /health.path: must be a path such as \/health/],
      ['{protocol: h2, health: {grpc: "a b"}}', /health.grpc: must be the name of a gRPC service such as shop.Orders, .* not "a b"$/],
      ['{protocol: h2, health: {grpc: [a]}}', /health.grpc: must be the name of a gRPC service/],
      ['{protocol: h2, health: {grpc: a, path: /}}', /health: `path` can't stand beside `grpc`: keep one of them$/],
      ['{protocol: h2, health: {grpc: a, statuses: 200}}', /health: `statuses` are those of answers to `path`/],
      ['{health: {grpc: ""}}', /health: `grpc` asks over HTTP\/2: add `protocol: h2` to the pool, or give all its hosts URLs with h2/],
      ['{hosts: [h2://a:1, http://b:1], health: {grpc: ""}}', /health: `grpc` asks over HTTP\/2/],
      ['{affinity: {}}', /affinity: `cookie` or `hash` is missing$/],
      ['{affinity: {cookie: c, hash: path}}', /affinity: `hash` can't stand beside `cookie`: keep one of them$/],
      ['{affinity: {hash: path, ttl: 8h}}', /`ttl` is how long a cookie is kept: it goes with `cookie`, not with `hash`$/],
      ['{affinity: {hash: url}}', /affinity.hash: must be `path` or `client`/],
      ['{affinity: {hash: {header: X, cookie: y}}}', /affinity.hash: `cookie` can't stand beside `header`/],
      ['{affinity: {cookie: "a b"}}', /affinity.cookie: must be a name/],
      ['{affinity: {cookie: c, ttl: 401d}}', /affinity.ttl: must be a duration from 1s to 9600h/],
      ['{respond: {body: x}}', /respond: `status` is missing$/],
      ['{respond: {status: 101}}', /respond.status: must be a whole number from 200 to 599/],
      ['{respond: {status: 204, body: x}}', /respond: an answer with the status 204 has no body: leave it out$/],
      ['{respond: {status: 200, type: "text/plain\\r\\nX: y"}}', /respond.type: must be a media type such as text\/plain/],
      ['{respond: {status: 200, body: "\\ud800"}}', /respond.body: has half of a character/],
      ['{respond: {status: 200, body: 5}}', /respond.body: must be text: put `5` in quotes$/],
      ['{answers: {500: {body: x}}}', /answers: unknown key `500`; did you mean `502`\?$/],
    ],
    inPool,
  ));

test('names of pools and hosts, and URLs of hosts, are checked', () => {
  areRefused([
    ['version: 1\npools: {"a/b": {}}', /^2:9 pools: "a\/b" can't be the name of a pool|^2:9 pools: .*letters, digits and _ - only/],
    ['version: 1\npools: {"": {}}', /can't be the name of a pool/],
    ['version: 1\npools: {"\u202e": {}}', /"\\u202e" can't be the name of a pool/],
    [`version: 1\npools: {${'p'.repeat(64)}: {}}`, /can't be the name of a pool: .* at most 63$/],
  ]);
  areRefused(
    [
      ['{hosts: [10.0.0.7:3000]}', /hosts: must be a URL such as http:\/\/10.0.0.7:3000, or a map with `url`, not "10.0.0.7:3000"$/],
      ['{hosts: [http://10.0.0.7:3000/app]}', /hosts: "http:\/\/10.0.0.7:3000\/app" is no origin/],
      ['{hosts: [ftp://10.0.0.7]}', /is no origin/],
      ['{hosts: [http://user:secret@h]}', /is no origin/],
      ['{hosts: [http://h:0]}', /is no origin/],
      ['{hosts: [dns+http://10.0.0.7:80]}', /`10.0.0.7` is an address, which needs no look-up: leave out "dns\+"$/],
      ['{hosts: ["dns+http://[::1]:80"]}', /is an address/],
      ['{hosts: [srv+http://_api._tcp.internal:80]}', /SRV records tell the ports: leave out the port$/],
      ['{hosts: []}', /hosts: is empty: leave it out, or give at least one$/],
      ['{hosts: http://h}', /hosts: must be a list, such as \[a, b\], not "http:\/\/h"$/],
      ['{hosts: [{name: h}]}', /hosts: `url` is missing$/],
      ['{hosts: [{url: http://h, weight: 0}]}', /hosts.weight: must be a whole number from 1 to 1000, not `0`$/],
      ['{hosts: [{url: http://h, name: "a/b"}]}', /hosts: "a\/b" can't be the name of a host: .* at most 128$/],
      [`{hosts: [{url: dns+http://h, name: ${'n'.repeat(81)}}]}`, /can't be the name of a host: .* at most 80$/],
      ['{hosts: [http://h:1, http://h:1]}', /hosts: "?`?http:\/\/h:1`? is a host of this pool already, on line 3$/],
      [
        '{hosts: [{url: http://h:1, name: n}, {url: http://h:2, name: n}]}',
        /hosts: the name `n` is a host of this pool already, on line 3$/,
      ],
      ['{hosts: [{url: http://h:1, name: i-1}, http://i:1]}', /the name `i-1`: give one of them a `name` is a host|the name `i-1`/],
    ],
    inPool,
  );
});

const inRoute = (keys: string): string => `version: 1\npools: {api: {}}\nroutes:\n- {${keys}}\n`;

test('what a route matches is checked', () =>
  areRefused(
    [
      ['match: {hosts: ["*"]}, to: api', /match.hosts: `\*` fits every name: leave `hosts` out instead$/],
      ['match: {hosts: ["a.*.test"]}, to: api', /is no host name|can only be the first label/],
      ['match: {hosts: ["*a.test"]}, to: api', /a `\*` can only be the first label, as in \*.example.test$/],
      ['match: {hosts: ["*.10.0.0.7"]}, to: api', /an address has no names below it$/],
      ['match: {hosts: [example.test:8080]}, to: api', /has a port, and ports don't matter: write `example.test`$/],
      ['match: {hosts: ["[::1]:80"]}, to: api', /ports don't matter/],
      ['match: {hosts: ["[::x]"]}, to: api', /between the brackets stands no IPv6 address$/],
      ['match: {hosts: [https://example.test]}, to: api', /is no host name: leave out scheme and path$/],
      ['match: {hosts: [0x7f.1]}, to: api', /`0x7f.1` is no host name/],
      ['match: {hosts: [xn--a]}, to: api', /`xn--a` is no host name/],
      ['match: {hosts: [a..test]}, to: api', /is no host name/],
      ['match: {hosts: [-a.test]}, to: api', /is no host name/],
      [`match: {hosts: [${'a.'.repeat(127)}test]}, to: api`, /has 258 characters; at most 256|is no host name/],
      ['match: {hosts: ["a b"]}, to: api', /must be a host name/],
      ['match: {scheme: ftp}, to: api', /match.scheme: must be `http` or `https`/],
      ['match: {path: v2}, to: api', /match.path: must be a path such as \/v2, not "v2"$/],
      ['match: {path: /a?b}, to: api', /what stands behind the `\?` is no part of the path$/],
      ['match: {path: "/a#b"}, to: api', /no request has a `#` in its path$/],
      ['match: {path: /straße}, to: api', /write `\/stra%C3%9Fe`$/],
      ['match: {path: /a%zz}, to: api', /behind % stand two hex digits; the sign itself is %25$/],
      ['match: {path: "/a b"}, to: api', /must be a path such as \/v2, which begins with a slash and has no blanks/],
      ['match: {path: /a//}, to: api', /a prefix ends with one slash or none$/],
      [`match: {path: /${'a'.repeat(1000)}}, to: api`, /match.path: has 1001 characters; at most 1000 are possible$/],
      ['match: {path: {}}, to: api', /match.path: `exact` or `prefix` is missing$/],
      ['match: {methods: [get]}, to: api', /methods are case-sensitive: write GET, not "get"$/],
      ['match: {methods: [CONNECT]}, to: api', /CONNECT is never served: leave it out$/],
      ['match: {methods: [any]}, to: api', /`any`: leave `methods` out instead$/],
      ['match: {methods: GET}, to: api', /match.methods: must be a list/],
      ['match: {headers: {Host: a}}, to: api', /`Host` is matched by `hosts`: name it there$/],
      ['match: {headers: {"X A": a}}, to: api', /"X A" is no name/],
      ['match: {headers: {X-A: 1}}, to: api', /match.headers.X-A: must be text: put `1` in quotes$/],
      ['match: {headers: {X-A: " a"}}, to: api', /match.headers.X-A: must be printable ASCII without line ends/],
      ['match: {headers: {X-A: "a\\nb"}}, to: api', /must be printable ASCII/],
      ['match: {query: {"a&b": "1"}}, to: api', /is no name of a query parameter/],
      ['match: {query: {a: "1&2"}}, to: api', /match.query.a: must be text without .* & and #/],
    ],
    inRoute,
  ));

test('with `paths: strict` a path that is always refused can stand in no match', () => {
  const strict = (path: string): string => `version: 1\npaths: strict\nroutes:\n- {match: {path: {exact: "${path}"}}, to: default}\n`;
  areRefused(
    ['/a/../b', '/a/..', '/a/./b', '/.', '/a//b', '/a%2fb', '/a%5Cb', '/a;b', '/%00', '/a/%2e%2e/b', '/%2525', '/%ff', '/%c0%af'].map(
      (path) => [path, /no request has the path .* with `paths: strict`/] as const,
    ),
    strict,
  );
  for (const path of ['/', '/a/', '/a.b/..c/...', '/%C3%A9', '/%25']) assert.equal(problemsOf(strict(path)), [], path);
});

test('what a route does is checked', () =>
  areRefused(
    [
      ['match: {}', '4:3 route 1: `to`, `redirect` or `respond` is missing'],
      ['to: apy', /route 1: to: there is no pool `apy`; did you mean `api`\?$/],
      ['to: {other-one: 1}', /to: there is no pool `other-one`: add it to `pools`$/],
      ['to: {api: 0, default: 0}', /to: all weights are 0: give a pool more, or answer with `respond`$/],
      ['to: {api: -1}', /to.api: must be a whole number from 0 to 1000000, not `-1`$/],
      ['to: {api: 5%}', /to.api: must be a whole number/],
      ['to: {}', /to: is empty/],
      ['to: [api]', /to: must be the name of a pool/],
      ['to: api, rewrite: {}', /rewrite: `stripPrefix`, `replacePrefix` or `path` is missing$/],
      [
        'to: api, rewrite: {stripPrefix: /v2}',
        /rewrite: not every request of this route has the prefix `\/v2`: let `match.path` begin with it$/,
      ],
      ['match: {path: /v20}, to: api, rewrite: {stripPrefix: /v2}', /not every request/],
      ['to: api, rewrite: {stripPrefix: /}', /rewrite: stripping `\/` changes nothing: leave it out$/],
      ['to: api, rewrite: {replacePrefix: {prefix: /}}', /rewrite.replacePrefix: `by` is missing$/],
      ['redirect: {scheme: https}, rewrite: {path: /}', /`rewrite` changes what goes to a host: it goes with `to`$/],
      ['respond: {status: 200}, headers: {request: {remove: [X]}}', /`headers.request` changes what goes to a host: it goes with `to`$/],
      ['redirect: {}', /redirect: leads to the request’s own URL, again and again/],
      ['match: {scheme: https}, redirect: {scheme: https}', /own URL, again and again/],
      ['match: {path: {exact: /x}}, redirect: {path: /x}', /own URL, again and again/],
      ['match: {hosts: [h.test], path: /q}, redirect: {host: H.test}', /own URL, again and again/],
      ['redirect: {status: 304, path: /x}', /redirect.status: must be 301, 302, 303, 307 or 308, not `304`$/],
      ['redirect: {host: "a.test:80"}', /redirect.host: .*ports don't matter/],
      ['redirect: {port: 70000}', /redirect.port: must be a whole number from 1 to 65535/],
      ['to: api, rateLimit: {requests: 5, key: route}', /rateLimit: `per` is missing$/],
      ['to: api, rateLimit: {requests: 5, per: 1s, key: user}', /rateLimit.key: must be `route` or `client`/],
      ['to: api, rateLimit: {requests: 0, per: 1s, key: route}', /rateLimit.requests: must be a whole number from 1/],
      ['to: api, rateLimit: {requests: 5, per: 1ms, key: route}', /rateLimit.per: must be a duration from 1s to 60m/],
    ],
    inRoute,
  ));

test('header fields that belong to the connection or frame a message, and values that would break one, are refused', () =>
  areRefused(
    [
      ...['Connection', 'transfer-encoding', 'Content-Length', 'Upgrade', 'TE', 'Keep-Alive', 'Via'].map(
        (name) => [`request: {set: {${name}: x}}`, /belongs to the connection or frames the message/] as const,
      ),
      ['response: {remove: [Content-Length]}', /headers.response.remove: `Content-Length` belongs to the connection/],
      ['request: {set: {Host: a}}', /`Host` is the name that the client asked for, and goes to the host as it came: leave it out$/],
      ['request: {remove: [host]}', /`Host` is the name/],
      ['response: {set: {Host: a}}', /`Host` is the name/],
      [
        'request: {set: {X-Forwarded-For: a}}',
        /`X-Forwarded-For` says what Meercat knows of the client, and Meercat writes it itself: leave it out$/,
      ],
      ['request: {remove: [Forwarded]}', /`Forwarded` says what Meercat knows/],
      ['response: {remove: [Date]}', /`Date` belongs to the connection or frames the message/],
      ['request: {set: {"X A": a}}', /"X A" is no name/],
      ['request: {set: {X-A: "a\\r\\nX-B: b"}}', /headers.request.set.X-A: must be printable ASCII/],
      ['request: {set: {X-A: "a\\0"}}', /must be printable ASCII/],
      ['request: {set: {X-A: é}}', /must be printable ASCII/],
      ['request: {set: {X-A: a}, remove: [x-a]}', /`x-a` is set as well, which removes what was there: leave it out here$/],
      ['request: {remove: [X-A, x-a]}', /`x-a` is given twice$/],
      ['requests: {}', /headers: unknown key `requests`; did you mean `request`\?$/],
    ],
    (keys) => inRoute(`to: api, headers: {${keys}}`),
  ));

test.run();
