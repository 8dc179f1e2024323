// What one request prefers in a pool with affinity, and what the pool's hosts and its secrets do to it; with the real table,
// known hosts and policies.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createPolicy } from '../../../lib/routing/policy.js';
import { Random } from '../../../lib/routing/random.js';
import type { Affinity } from '../../../lib/site-model.js';
import { TableReader } from '../../../lib/table/reader.js';
import { TableWriter } from '../../../lib/table/writer.js';
import { Affinities } from '../../../lib/traffic/affinities.js';
import { FailureLog } from '../../../lib/traffic/log/failure-log.js';
import { PickLog } from '../../../lib/traffic/log/pick-log.js';
import { pick } from '../../../lib/traffic/request/pick.js';
import type { HostPreference } from '../../../lib/traffic/request/pool-affinity.js';
import { pickReason } from '../../../lib/console/why-words.js';
import { clientFacts } from '../../../lib/traffic/wire/headers.js';
import type { RequestHead } from '../../../lib/traffic/wire/request-head.js';
import { buildTrafficStage } from '../../support/traffic-context.js';

const test = suite('pool affinity');

const NOW_MS = 100_000;
const SECRET = Buffer.alloc(32, 1);
const HOSTS = 5;

interface Asked {
  readonly target?: string;
  readonly headers?: readonly string[];
  readonly address?: string;
  readonly isTrusted?: boolean;
  readonly isTls?: boolean;
}

/** A pool `default` with five hosts, and this affinity. */
function withPool(affinity: Affinity, fn: (stage: ReturnType<typeof open>) => void): void {
  const stage = open(affinity);
  try {
    fn(stage);
  } finally {
    stage.stop();
  }
}

function open(affinity: Affinity) {
  const { columns, hosts, hashes, context, counts, stop } = buildTrafficStage(() => NOW_MS, { hostMaxInflight: 2, hostQueue: 1 });
  const log = new PickLog(64);
  const affinities = new Affinities({
    fleet: 'test',
    hashes,
    wallClock: () => NOW_MS,
    count: context.count,
    isTrusted: (address) => address === '10.0.0.1',
    hosts,
    trace: log,
  });
  const writer = new TableWriter(columns, () => undefined, { maxEjectedPercent: 50, slowStartMs: 0 });
  for (const host of writer.setStatics(Array.from({ length: HOSTS }, (_, i) => ({ name: `h${i}`, url: `http://h${i}:80` }))).added) {
    hosts.add(host);
    affinities.hostCame(host);
  }
  const follow = (changed: Affinity | null): void => affinities.follow([{ name: 'default', affinity: changed }]);
  follow(affinity);
  writer.rebuildCandidates(NOW_MS);
  const ids = { log, failures: new FailureLog(1), prefix: 'x' };
  const policy = createPolicy('round-robin', new Random(7), log);
  const askingFor = ({ target = '/', headers = [], address = '192.0.2.1', isTrusted = false, isTls = false }: Asked) => ({
    head: { target, headers } as unknown as RequestHead,
    facts: clientFacts(address, 80, isTls, isTrusted),
  });
  const preferenceOf = (asked: Asked) => affinities.of('default')?.preferenceOf(askingFor(asked));
  const pickFor = (preference: HostPreference | undefined, excluded = -1): number => {
    const request = log.open(NOW_MS, '', 1, false);
    return pick({ ...context, policy, ids }, NOW_MS, excluded, 1, request, excluded < 0 ? 1 : 2, false, preference)?.slot ?? -1;
  };
  return {
    columns,
    hosts,
    affinities,
    counts,
    stop,
    follow,
    askingFor,
    preferenceOf,
    pickFor,
    /** In words, why the last pick came out as it did. */
    why: () =>
      log
        .picksOf(log.lastRequest, (slot) => `h${slot}`)
        .map(pickReason)
        .join(' / '),
    hostOf: (asked: Asked): number => pickFor(preferenceOf(asked)),
    /** A cookie for this slot, as a Cookie header. */
    cookieFor(slot: number): string[] {
      const set = preferenceOf({})?.setCookie(slot) ?? '';
      return ['Cookie', set.split(';')[0] as string];
    },
  };
}

const COOKIE: Affinity = { kind: 'cookie', name: 'ID', ttlMs: null };

test('the client’s address is the one that the access log shows: forged fields don’t count, those of trusted proxies do', () =>
  withPool({ kind: 'hash', key: { of: 'client' } }, ({ hostOf }) => {
    const addresses = Array.from({ length: 30 }, (_, i) => `203.0.113.${i}`);
    const direct = addresses.map((address) => hostOf({ address }));
    assert.is(new Set(direct).size, HOSTS);
    const proxied = (isTrusted: boolean) =>
      addresses.map((address) => hostOf({ address: '10.0.0.1', isTrusted, headers: ['X-Forwarded-For', `198.51.100.1, ${address}`] }));
    assert.equal(proxied(true), direct);
    assert.is(new Set(proxied(false)).size, 1);
  }));

test('for a hashed request another host is picked than the one that failed it, the same each time, and words say why', () =>
  withPool({ kind: 'hash', key: { of: 'path' } }, ({ hostOf, pickFor, preferenceOf, why, columns }) => {
    const asked = { target: '/a?x=1' };
    const own = hostOf(asked);
    assert.is(why(), `h${own} is the host of the request's key.`);
    const next = pickFor(preferenceOf(asked), own);
    assert.is.not(next, own);
    assert.is(pickFor(preferenceOf(asked), own), next);
    columns.awaited[own] = 2;
    assert.is(hostOf(asked), next);
    assert.is(
      why(),
      `The host of the request's key, h${own}, has more than its share of the requests in flight: h${next} is the next one for this key.`,
    );
    columns.avoidUntil[own] = NOW_MS + 1;
    assert.is(hostOf(asked), next);
    assert.match(why(), /could not be picked \(avoided\)/);
    columns.avoidUntil.fill(NOW_MS + 1);
    assert.ok(hostOf(asked) >= 0, 'the policy picks where no host can be preferred');
    assert.not.match(why(), /key/);
    assert.is(preferenceOf(asked)?.setCookie(own), undefined);
  }));

test('a sticky request waits for a full host, goes elsewhere when the queue is full too, or the host failed it or is avoided', () =>
  withPool(COOKIE, ({ affinities, cookieFor, preferenceOf, hostOf, pickFor, columns, hosts, why }) => {
    assert.is(preferenceOf({}), undefined, 'no secret, no cookies');
    affinities.setSecrets([SECRET]);
    const asked = { headers: cookieFor(3) };
    const sameHost = (): boolean => [hostOf(asked), hostOf(asked), hostOf(asked)].every((slot) => slot === 3);
    assert.ok(sameHost());
    assert.is(why(), "h3 is the host that the client's cookie names.");
    columns.inflight[3] = 2;
    assert.ok(sameHost());
    assert.match(why(), /cookie names\. But h3 has as many requests of this balancer as it may/);
    const waiting = hosts.get(3)?.queue.wait(NOW_MS + 60_000, () => true);
    assert.not.ok(sameHost(), 'the queue is full');
    hosts.get(3)?.queue.sendAway();
    void waiting;
    columns.inflight[3] = 0;
    assert.is.not(pickFor(preferenceOf(asked), 3), 3);
    columns.avoidUntil[3] = NOW_MS + 1;
    assert.not.ok(sameHost());
    columns.avoidUntil[3] = 0;
    assert.ok(sameHost());
    const preference = preferenceOf(asked);
    assert.is(preference?.setCookie(3), undefined, 'the client has that one');
    assert.match(preference?.setCookie(2) ?? '', /^ID=/);
  }));

test('a dry run comes to the same host, counts nothing, and leaves no trace among the picks of requests', () => {
  const asked = { target: '/a', headers: ['Cookie', 'ID=forged'] };
  for (const affinity of [COOKIE, { kind: 'hash', key: { of: 'path' } }] as const)
    withPool(affinity, ({ affinities, pickFor, preferenceOf, counts, cookieFor, columns, askingFor }) => {
      affinities.setSecrets([SECRET]);
      if (affinity.kind === 'cookie') asked.headers = cookieFor(1);
      const own = pickFor(preferenceOf(asked));
      const seen: number[] = [];
      const trace = { look: (_view: unknown, slot: number) => void seen.push(slot) };
      const dry = affinities.of('default')?.dryRun(askingFor(asked), trace);
      const view = new TableReader(columns);
      assert.equal([dry?.by, dry?.pick(view, NOW_MS, -1)], [affinity.kind, own]);
      assert.equal(seen, [own]);
      affinities.of('default')?.dryRun(askingFor({ headers: ['Cookie', 'ID=forged'] }), trace);
      assert.is(counts().sticky_forged ?? 0, 0);
    });
});

test('cookies are Secure where the client uses https, also through a trusted proxy', () =>
  withPool(COOKIE, ({ affinities, preferenceOf }) => {
    affinities.setSecrets([SECRET]);
    const isSecure = (asked: Asked): boolean => preferenceOf(asked)?.setCookie(0)?.includes('; Secure') === true;
    const forwarded = ['X-Forwarded-Proto', 'https'];
    assert.equal([{}, { isTls: true }, { headers: forwarded }, { headers: forwarded, isTrusted: true }].map(isSecure), [
      false,
      true,
      false,
      true,
    ]);
  }));

test('cookies outlive a site that leaves the affinity as it is, a secret that is put first, and a host that takes another slot', () =>
  withPool(COOKIE, ({ affinities, cookieFor, follow, hostOf, counts }) => {
    affinities.setSecrets([SECRET]);
    const asked = { headers: cookieFor(4) };
    const before = affinities.of('default');
    follow({ ...COOKIE });
    affinities.setSecrets([Buffer.from(SECRET)]);
    assert.is(affinities.of('default'), before);
    affinities.setSecrets([Buffer.alloc(32, 2), SECRET]);
    assert.equal([hostOf(asked), hostOf(asked)], [4, 4]);
    affinities.hostWent({ slot: 4, name: 'h4', url: '' });
    assert.is(counts().sticky_gone ?? 0, 0);
    hostOf(asked);
    assert.is(counts().sticky_gone, 1);
    affinities.hostCame({ slot: 2, name: 'h4', url: '' });
    affinities.hostCame({ slot: 4, name: 'web/h4', url: '' });
    assert.equal([hostOf(asked), hostOf(asked)], [2, 2], 'and the host of another pool is none of this cookie’s');
    follow({ ...COOKIE, name: 'OTHER' });
    assert.is.not(affinities.of('default'), before);
    follow(null);
    assert.is(affinities.of('default'), undefined);
  }));

test.run();
