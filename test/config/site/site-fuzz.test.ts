// Damaged site documents: whatever the text, reading it ends with a site that keeps the promises of lib/site-model.ts, or
// with problems that can be shown on a terminal.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diffSites } from '../../../lib/config/site/diff-sites.js';
import { readSite } from '../../../lib/config/site/read-site.js';
import { renderDiff } from '../../../lib/config/site/render-diff.js';
import { Random } from '../../../lib/routing/random.js';
import { DEFAULT_POOL, type Site } from '../../../lib/site-model.js';
import { mutateText, mutateValue } from '../../support/mutate.js';
import { EXAMPLE, siteOf, WITH_EVERY_KEY } from '../../support/site-documents.js';

const test = suite('site: damaged documents');

/** What whoever has a site relies on. */
function keepsItsPromises(site: Site): void {
  assert.equal(JSON.parse(JSON.stringify(site)), site, 'plain data');
  const pools = new Set(site.pools.map(({ name }) => name));
  assert.is(pools.size, site.pools.length, 'no pool twice');
  assert.ok(pools.has(DEFAULT_POOL));
  assert.ok(site.routes.length > 0);
  for (const { name, hosts } of site.pools) {
    for (const key of ['name', 'url'] as const)
      assert.is(
        new Set(hosts.map((host) => (key === 'url' ? `${host.discovery} ${host.url}` : host.name))).size,
        hosts.length,
        `${name}: ${key}`,
      );
    for (const { weight } of hosts) assert.ok(Number.isInteger(weight) && weight >= 1 && weight <= 1000);
  }
  for (const { action, match, line } of site.routes) {
    assert.ok(line >= 1);
    assert.ok(
      match.path === null ||
        (match.path.value.startsWith('/') && (match.path.value === '/' || match.path.kind === 'exact' || !match.path.value.endsWith('/'))),
    );
    for (const { name } of match.headers) assert.is(name, name.toLowerCase());
    if (action.kind !== 'forward') continue;
    assert.ok(action.to.every(({ pool }) => pools.has(pool)));
    assert.ok(action.to.some(({ weight }) => weight > 0));
  }
}

const counts = { good: 0, bad: 0 };

function isReadOrRefused(text: string): void {
  const reading = readSite(text);
  const lines = text.split('\n').length;
  const found = 'site' in reading ? reading.warnings : reading.problems;
  for (const { line, column, message } of found) {
    assert.ok(line >= 1 && line <= lines && column >= 1, `${line}:${column}`);
    assert.match(message, /^[^\p{Cc}\p{Cf}\p{Cs}]{5,1000}$/u);
  }
  if ('problems' in reading) {
    counts.bad++;
    assert.ok(reading.problems.length > 0);
    return;
  }
  counts.good++;
  keepsItsPromises(reading.site);
  assert.equal(diffSites(reading.site, reading.site), []);
  assert.match(renderDiff(diffSites(siteOf(EXAMPLE), reading.site)), /^(?:[^\p{Cc}\p{Cf}\p{Cs}]+\n)+$/u);
}

test('a text with random changes is read or refused', () => {
  const random = new Random(17);
  for (let i = 0; i < 250; i++) isReadOrRefused(mutateText(random, EXAMPLE));
  assert.ok(counts.good > 10 && counts.bad > 100, JSON.stringify(counts));
});

test('a document with random values is read or refused', () => {
  const random = new Random(18);
  const before = counts.good;
  for (let i = 0; i < 250; i++) isReadOrRefused(JSON.stringify(mutateValue(random, WITH_EVERY_KEY)));
  assert.ok(counts.good - before > 3, JSON.stringify(counts));
});

test('names that objects have by themselves are names like others', () => {
  const site = siteOf(
    'version: 1\npools: {constructor: {}, toString: {}}\nroutes: [{match: {headers: {__proto__: "1", constructor: "2"}}, to: {constructor: 1, toString: 2}}]\n',
  );
  keepsItsPromises(site);
  assert.equal(
    site.routes[0]?.match.headers.map(({ name }) => name),
    ['__proto__', 'constructor'],
  );
  isReadOrRefused('{"version": 1, "__proto__": {"paths": "strict"}}');
  assert.equal(Object.keys(Object.prototype), []);
});

test.run();
