// Sticky cookies: a client comes back to its host, and can neither choose one nor learn what it is. Time is an argument.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { counterOf, COUNTERS, readCounters } from '../../../lib/table/counters.js';
import { STICKY, StickyCookie, type StickyOptions } from '../../../lib/traffic/request/sticky-cookie.js';

const test = suite('sticky cookie');

const NOW_MS = Date.UTC(2026, 10, 30);
const HOUR_MS = 3_600_000;
const SECRET = Buffer.alloc(32, 1);
const OTHER_SECRET = Buffer.alloc(32, 2);
const ID = 'web/10.0.0.7:3000';

/** The cookies of a pool with two hosts, in slots 7 and 8; and what was counted. */
function openPool(options: Partial<StickyOptions> = {}) {
  const cells = new Float64Array(COUNTERS.length);
  const sticky = new StickyCookie({
    secrets: [SECRET],
    fleet: 'meercat',
    pool: 'web',
    name: 'MEERCATID',
    ttlMs: 8 * HOUR_MS,
    count: counterOf(cells),
    ...options,
  });
  sticky.addHost(7, ID);
  sticky.addHost(8, 'web/web-2');
  return {
    sticky,
    counts: () => readCounters(cells),
    /** The value that names a slot. */
    give: (slot: number, nowMs = NOW_MS): string => (sticky.setCookie(slot, nowMs, false) ?? '').replace(/^\w+=([^;]*);.*$/, '$1'),
    read: (value: string, nowMs = NOW_MS, name = 'MEERCATID'): number => sticky.read(['Host', 'x', 'Cookie', `${name}=${value}`], nowMs),
  };
}

test('a cookie names its host, through every balancer of the fleet, whatever slots they gave it', () => {
  const one = openPool();
  assert.is(one.read(one.give(7)), 7);
  assert.is(one.read(one.give(8)), 8);
  const other = openPool();
  other.sticky.addHost(30, ID);
  other.sticky.removeHost(7);
  assert.is(other.read(one.give(7)), 30);
  assert.equal(other.counts(), {});
});

test('the field keeps scripts, other sites and plain connections from the cookie, and lives as long as the ttl', () => {
  const line = (options: Partial<StickyOptions>, isHttps: boolean): string | undefined =>
    openPool(options).sticky.setCookie(7, NOW_MS, isHttps);
  assert.match(line({}, true) ?? '', /^MEERCATID=[\w-]{36}; Path=\/; HttpOnly; SameSite=Lax; Secure; Max-Age=28800$/);
  assert.match(line({}, false) ?? '', /^MEERCATID=[\w-]{36}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=28800$/);
  assert.match(line({ ttlMs: null, name: 'S' }, true) ?? '', /^S=[\w-]{36}; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
  assert.match(line({ ttlMs: 1 }, false) ?? '', /; Max-Age=1$/);
});

test('there is no cookie for a slot without a host of the pool', () => {
  const { sticky } = openPool();
  assert.is(sticky.setCookie(9, NOW_MS, false), undefined);
  sticky.removeHost(7);
  assert.is(sticky.setCookie(7, NOW_MS, false), undefined);
});

test('a value that differs in any character, length or alphabet is forged', () => {
  const { give, read, counts } = openPool();
  const value = give(7);
  assert.is(read(value), 7, 'remembered');
  let forged = 0;
  for (let at = 0; at < value.length; at++) {
    for (const char of ['A', 'B', '_', '9', '=', '+', '/', ' ', '%', '\u00ff']) {
      const changed = value.slice(0, at) + char + value.slice(at + 1);
      if (changed === value) continue;
      assert.is(read(changed), STICKY.forged, changed);
      forged++;
    }
  }
  for (const changed of ['', 'A', value.slice(1), `${value}A`, `"${value}"`, value + value, value.toLowerCase(), ID]) {
    assert.is(read(changed), STICKY.forged, changed);
    forged++;
  }
  assert.equal(counts(), { sticky_forged: forged });
  assert.is(read(value), 7);
});

for (const [what, options] of [
  ['another fleet', { fleet: 'other' }],
  ['another pool', { pool: 'api' }],
  ['another cookie', { name: 'OTHER' }],
  ['another secret', { secrets: [OTHER_SECRET] }],
  ['a fleet and pool whose names only join to the same text', { fleet: 'meercat","web', pool: '' }],
] as const) {
  test(`a cookie of ${what} is forged, even if that one has a host of the same id`, () => {
    const { read, counts } = openPool();
    assert.is(read(openPool(options).give(7)), STICKY.forged);
    assert.equal(counts(), { sticky_forged: 1 });
  });
}

test('a cookie that names a host which has left the pool is gone, until the host is back', () => {
  const { sticky, give, read, counts } = openPool();
  const value = give(7);
  sticky.removeHost(7);
  assert.is(read(value), STICKY.gone);
  assert.is(sticky.isRenewalDue, false);
  assert.equal(counts(), { sticky_gone: 1 });
  sticky.addHost(12, ID);
  assert.is(read(value), 12);
});

test('a host that moves to a new slot is found there, before and after the old slot is released', () => {
  const { sticky, give, read } = openPool();
  const value = give(7);
  sticky.addHost(20, ID);
  assert.is(read(value), 20);
  sticky.removeHost(7);
  assert.is(read(value), 20);
  assert.is(read(give(20)), 20);
});

test('a cookie expires after its ttl, also one that was verified before; without a ttl it never does', () => {
  const { give, read, counts } = openPool();
  const value = give(7);
  assert.is(read(value, NOW_MS + 8 * HOUR_MS - 1), 7);
  assert.is(read(value, NOW_MS + 8 * HOUR_MS), STICKY.expired);
  assert.equal(counts(), { sticky_expired: 1 });
  const endless = openPool({ ttlMs: null });
  assert.is(endless.read(endless.give(7), NOW_MS + 100_000 * HOUR_MS), 7);
  const long = openPool({ ttlMs: 2_000_000 * HOUR_MS });
  assert.is(long.read(long.give(7), NOW_MS + 500_000 * HOUR_MS), 7, 'an expiry that does not fit is the last that does');
});

test('a new cookie is due in the second half of the ttl, and when the ttl has changed', () => {
  const isDue = (given: number | null, ttlMs: number | null, ageMs: number): boolean => {
    const value = openPool({ ttlMs: given }).give(7);
    const { sticky, read } = openPool({ ttlMs });
    assert.is(read(value, NOW_MS + ageMs), 7);
    return sticky.isRenewalDue;
  };
  const ttlMs = 8 * HOUR_MS;
  assert.equal([isDue(ttlMs, ttlMs, 0), isDue(ttlMs, ttlMs, 4 * HOUR_MS), isDue(ttlMs, ttlMs, 4 * HOUR_MS + 1)], [false, false, true]);
  assert.is(isDue(ttlMs, HOUR_MS, 0), true, 'shorter');
  assert.is(isDue(ttlMs, 100 * HOUR_MS, 0), true, 'longer');
  assert.equal([isDue(null, null, 1000 * HOUR_MS), isDue(ttlMs, null, 0), isDue(null, ttlMs, 0)], [false, true, true]);
});

test('a new secret signs at once, and the old one is accepted for as long as it is listed', () => {
  const value = openPool({ secrets: [OTHER_SECRET] }).give(7);
  const both = openPool({ secrets: [SECRET, OTHER_SECRET] });
  for (let i = 0; i < 2; i++) {
    assert.is(both.read(value), 7);
    assert.is(both.sticky.isRenewalDue, true);
  }
  const fresh = openPool().give(7);
  assert.is(both.give(7), fresh, 'the first signs');
  assert.is(both.read(fresh), 7);
  assert.is(both.sticky.isRenewalDue, false);
  assert.is(openPool().read(value), STICKY.forged);
});

test('without a cookie of the name there is nothing to count', () => {
  const { sticky, read, give, counts } = openPool();
  for (const headers of [
    [],
    ['Cookie', ''],
    ['Cookie', 'a=b; xMEERCATID=1; MEERCATIDx=1; meercatid=1'],
    ['X-Cookie', 'MEERCATID=1'],
    ['Set-Cookie', `MEERCATID=${give(7)}`],
  ])
    assert.is(sticky.read(headers, NOW_MS), STICKY.none);
  assert.is(read(give(7), NOW_MS, 'MEERCATI'), STICKY.none);
  assert.equal(counts(), {});
});

test('of several cookies the first that is good counts, in one field or in several; what is wrong is counted once, and only if none is good', () => {
  const { sticky, give, counts } = openPool();
  const [seven, eight] = [give(7), give(8)];
  const old = give(8, NOW_MS - 9 * HOUR_MS);
  assert.is(sticky.read(['Cookie', `a=b; MEERCATID=x; MEERCATID=${old};MEERCATID=${seven}; MEERCATID=${eight}`], NOW_MS), 7);
  assert.is(sticky.read(['cookie', 'a=b', 'COOKIE', `MEERCATID=${eight} ; c=d`, 'Cookie', `MEERCATID=${seven}`], NOW_MS), 8);
  assert.equal(counts(), {});
  assert.is(sticky.read(['Cookie', `MEERCATID=${old}; MEERCATID=x`], NOW_MS), STICKY.expired);
  assert.equal(counts(), { sticky_expired: 1 });
  assert.is(
    sticky.read(['Cookie', `MEERCATID=x; MEERCATID=y; MEERCATID=x; MEERCATID=y; MEERCATID=${seven}`], NOW_MS),
    STICKY.forged,
    'only four are tried',
  );
});

test('nothing of a host can be read from its cookie, nor whether two pools share it', () => {
  const bytes = (options: Partial<StickyOptions>): Buffer => Buffer.from(openPool(options).give(7), 'base64url');
  const value = bytes({});
  assert.is(value.length, 27);
  for (const text of ['10.0.0.7', '3000', 'web']) assert.not.ok(value.includes(text));
  // The token begins at the second byte.
  for (const options of [{ fleet: 'other' }, { pool: 'api' }, { name: 'B' }, { secrets: [OTHER_SECRET] }])
    assert.not.equal(bytes(options).subarray(1, 7), value.subarray(1, 7));
});

test('hostile Cookie headers of 64 KiB name no host and do no harm', () => {
  const { sticky, give } = openPool();
  const value = give(7);
  const size = 65_536;
  for (const part of [
    ';',
    ' ',
    '=',
    'MEERCATID',
    'MEERCATID=',
    'MEERCATID=;',
    `MEERCATID=${'A'.repeat(36)};`,
    'a=b; ',
    '\t;\t',
    `x${value};`,
  ]) {
    const header = part.repeat(Math.ceil(size / part.length));
    assert.ok(sticky.read(['Cookie', header], NOW_MS) < 0, part);
    assert.is(
      sticky.read(['Cookie', header.includes('MEERCATID=') ? `MEERCATID=${value};${header}` : `${header};MEERCATID=${value}`], NOW_MS),
      7,
      part,
    );
  }
});

test('no text is taken for a cookie that was given', () => {
  const { sticky, give } = openPool();
  const value = give(7);
  const part = fc.oneof(fc.string({ maxLength: 40 }), fc.constantFrom('MEERCATID=', value.slice(0, 30), value.slice(6), ';', '; ', '='));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
      const header = parts.join('');
      if (!header.includes(`MEERCATID=${value}`)) assert.ok(sticky.read(['Cookie', header], NOW_MS) < 0, header);
    }),
    { seed: 17, numRuns: 3000 },
  );
});

test.run();
