// Discovery at work, with look-ups that answer as the test says: hosts are announced when they change, failures are counted
// and said once, and only so many names are asked for at a time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startDiscoverer } from '../../lib/discovery/discoverer.js';
import type { DiscoveredHost, DiscoverySource } from '../../lib/discovery/discovery.js';
import type { Found, LookupResult } from '../../lib/discovery/dns-lookup.js';
import { until } from '../support/brackets.js';

const test = suite('discoverer');

const sourceOf = (name: string, discovery: 'dns' | 'srv' = 'dns'): DiscoverySource => ({
  pool: 'default',
  host: { name, url: `http://${name}.test:80`, discovery, weight: 1 },
});
const at = (address: string, priority = 0): Found => ({ address, port: null, name: 'x.test', priority, weight: 1 });

type Reply = LookupResult | Error | 'pending';
const answer = (...found: readonly Found[]): LookupResult => ({ found, ttlMs: 0, unanswered: [] });

/** Running discovery, and what it said. */
function startStage() {
  const stage = {
    replies: new Map<string, Reply>(),
    asked: [] as string[],
    pending: [] as (() => void)[],
    hosts: [] as string[][],
    counts: new Map<string, number>(),
    lines: [] as string[],
    down: new Set<string>(),
  };
  const look = async (name: string): Promise<LookupResult> => {
    stage.asked.push(name);
    const reply = stage.replies.get(name) ?? new Error('no answer');
    if (reply === 'pending') await new Promise<void>((resolve) => stage.pending.push(resolve));
    const now = stage.replies.get(name);
    if (now === undefined || now === 'pending' || now instanceof Error) throw now ?? new Error('no answer');
    return now;
  };
  const discoverer = startDiscoverer({
    lookup: { addresses: look, service: look },
    clock: () => performance.now(),
    count: (name, by = 1) => void stage.counts.set(name, (stage.counts.get(name) ?? 0) + by),
    log: (level, message, fields) => void stage.lines.push(`${level} ${message} ${String(fields?.['host'])}`),
    isDown: (id) => stage.down.has(id),
    onHosts: (hosts: readonly DiscoveredHost[]) => void stage.hosts.push(hosts.map(({ name }) => name)),
  });
  return { ...stage, discoverer };
}

test('hosts are announced when they are found and when they change, not with every answer', async () => {
  const stage = startStage();
  stage.replies.set('api.test', answer(at('10.0.0.8'), at('10.0.0.7')));
  stage.discoverer.setSources([sourceOf('api')]);
  await until(() => stage.asked.length >= 3, { what: 'two more look-ups, at a TTL of 1 s' });
  assert.equal(stage.hosts, [['api-10.0.0.7', 'api-10.0.0.8']]);
  stage.replies.set('api.test', answer(at('10.0.0.8')));
  await until(() => stage.hosts.length === 2, { what: 'the change' });
  assert.equal(stage.hosts.at(-1), ['api-10.0.0.8']);
  stage.discoverer.setSources([]);
  assert.equal(stage.hosts.at(-1), []);
  stage.discoverer.stop();
  assert.equal(stage.lines, []);
});

test('failures keep the hosts, are counted each time, and are said once until the name works again', async () => {
  const stage = startStage();
  stage.replies.set('api.test', answer(at('10.0.0.7')));
  stage.discoverer.setSources([sourceOf('api')]);
  await until(() => stage.hosts.length === 1, { what: 'the hosts' });
  stage.replies.set('api.test', new Error('SERVFAIL'));
  await until(() => (stage.counts.get('dns_lookups_failed') ?? 0) >= 2, { what: 'two failures' });
  stage.replies.set('api.test', answer(at('10.0.0.7')));
  await until(() => stage.lines.length === 2, { what: 'that it works again' });
  stage.discoverer.stop();
  assert.equal(stage.lines, [
    'warn a DNS name could not be resolved: its hosts stay as they are api',
    'info a DNS name is resolved again api',
  ]);
  assert.equal(stage.hosts, [['api-10.0.0.7']]);
});

test('a part without an answer and too many addresses are counted and said once', async () => {
  const stage = startStage();
  const many = Array.from({ length: 300 }, (_, i) => at(`10.0.${i >> 8}.${i & 255}`));
  stage.replies.set('api.test', { ...answer(...many), unanswered: [{ name: 'api.test', family: 6, reason: 'SERVFAIL' }] });
  stage.discoverer.setSources([sourceOf('api')]);
  await until(() => stage.asked.length >= 3, { what: 'three look-ups' });
  stage.discoverer.stop();
  assert.equal(stage.lines, [
    'warn a part of a DNS name could not be resolved: what was known stays api',
    'warn a DNS name has too many addresses: 256 are used api',
  ]);
  assert.ok((stage.counts.get('dns_lookups_failed') ?? 0) >= 2);
  assert.is((stage.counts.get('dns_addresses_dropped') ?? 0) % 44, 0);
});

test('sixteen names are looked up at a time, and the others when those have ended', async () => {
  const stage = startStage();
  const sources = Array.from({ length: 40 }, (_, i) => sourceOf(`n${i}`));
  for (const { host } of sources) stage.replies.set(`${host.name}.test`, 'pending');
  stage.discoverer.setSources(sources);
  await until(() => stage.pending.length === 16, { what: 'the first look-ups' });
  assert.is(stage.asked.length, 16);
  for (const { host } of sources) stage.replies.set(`${host.name}.test`, answer(at('10.0.0.1')));
  for (const end of stage.pending) end();
  await until(() => stage.hosts.at(-1)?.length === 40, { what: 'all of them' });
  stage.discoverer.stop();
});

test('a review brings the targets of the next priority when the first ones are down, and takes them away again', async () => {
  const stage = startStage();
  stage.replies.set('srv.test', answer(at('10.0.0.1'), at('10.0.0.2', 10)));
  stage.discoverer.setSources([sourceOf('srv', 'srv')]);
  await until(() => stage.hosts.length === 1, { what: 'the hosts' });
  stage.down.add('srv-10.0.0.1');
  stage.discoverer.review();
  stage.down.clear();
  stage.discoverer.review();
  stage.discoverer.stop();
  assert.equal(stage.hosts, [['srv-10.0.0.1'], ['srv-10.0.0.1', 'srv-10.0.0.2'], ['srv-10.0.0.1']]);
});

test('what comes after the stop is not said', async () => {
  const stage = startStage();
  stage.replies.set('api.test', 'pending');
  stage.discoverer.setSources([sourceOf('api')]);
  await until(() => stage.pending.length === 1, { what: 'the look-up' });
  stage.replies.set('api.test', answer(at('10.0.0.7')));
  stage.discoverer.stop();
  for (const end of stage.pending) end();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  assert.equal([stage.hosts, stage.lines], [[], []]);
});

test.run();
