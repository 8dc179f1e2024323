// How a balancer applies settings: each change once; what it remembers of them; and how a burst of operators' events is
// coalesced into heartbeats.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { oneAtATime } from '../../lib/fleet/one-at-a-time.js';
import { SettingsSync } from '../../lib/fleet/settings-sync.js';
import type { TableSync } from '../../lib/fleet/table-sync.js';
import type { OperatorState } from '../../lib/model.js';
import { KeyRing } from '../../lib/redis/fleet-key.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { MessageGate } from '../../lib/redis/message-gate.js';
import { parseSettings } from '../../lib/redis/settings.js';
import { until } from '../support/until.js';

const test = suite('settings sync');

/** A sync that remembers `known`, and everything it did. */
function openStage(known: Record<string, string> = {}) {
  const done: string[] = [];
  let operatorStates: ReadonlyMap<string, OperatorState> = new Map();
  const table = {
    get writer() {
      return { operatorStates };
    },
    setOperatorStates(taken: ReadonlyMap<string, OperatorState>) {
      operatorStates = taken;
    },
  };
  const sync = new SettingsSync({
    keys: buildKeys('x'),
    table: table as unknown as TableSync,
    count: (name, times) => void done.push(`count ${name} ${times}`),
    log: (level, message, fields) => void done.push(`${level} ${message} ${JSON.stringify(fields)}`),
    post: (message) => void done.push(JSON.stringify(message)),
    known,
    gate: new MessageGate(
      new KeyRing(),
      () => undefined,
      () => undefined,
    ),
    change: () => void done.push('change'),
  });
  return {
    sync,
    take: (fields: Record<string, string>) => {
      done.length = 0;
      sync.take(parseSettings(fields), true);
      return done.slice();
    },
  };
}

test('pools in maintenance are passed on, and their beginning and end are logged once', () => {
  const { take } = openStage({ 'maintenance:old': '{}' });
  const posted = (maintenance: unknown[], fields: Record<string, string>) =>
    JSON.stringify({ type: 'settings', algorithm: null, maintenance, fields });
  const answer = { status: 503, body: null, type: 'text/plain; charset=utf-8' };
  const both = { 'maintenance:old': '{}', 'maintenance:api': '{"status":429}' };
  assert.equal(take(both), [
    posted(
      [
        ['old', answer],
        ['api', { ...answer, status: 429 }],
      ],
      both,
    ),
    'info an operator put a pool into maintenance {"pool":"api"}',
  ]);
  assert.equal(take(both), []);
  const one = { 'maintenance:api': '{"status":429}' };
  assert.equal(take(one), [
    posted([['api', { ...answer, status: 429 }]], one),
    'info an operator ended the maintenance of a pool {"pool":"old"}',
  ]);
});

test('changes are applied, and none twice', () => {
  const { take } = openStage();
  const took = (host: string, state: string) => `info an operator took a host out {"host":"${host}","state":"${state}"}`;
  const posted = (algorithm: string | null, fields: Record<string, string>) =>
    JSON.stringify({ type: 'settings', algorithm, maintenance: [], fields });
  assert.equal(take({}), []);
  const [first, second, third] = [
    { algorithm: 'resource', 'host:a': 'drained' },
    { algorithm: 'resource', 'host:a': 'ejected', 'host:b': 'drained' },
    { 'host:b': 'drained', odd: '1' },
  ];
  assert.equal(take(first), [posted('resource', first), took('a', 'drained')]);
  assert.equal(take(first), []);
  assert.equal(take(second), [posted('resource', second), took('a', 'ejected'), took('b', 'drained')]);
  assert.equal(take(third), [
    posted(null, third),
    'count settings_dropped 1',
    'warn a field of the settings hash is not understood {"key":"x:settings"}',
    'info an operator let a host in again {"host":"a"}',
  ]);
  assert.equal(take(third), []);
});

test('the settings of a heartbeat are remembered, and so are those the previous thread knew', () => {
  const known = { algorithm: 'resource', 'host:a': 'drained' };
  const { sync, take } = openStage(known);
  assert.equal(sync.remembered, [{ key: 'x:settings', fields: new Map(Object.entries(known)) }]);
  take({ 'host:b': 'drained' });
  assert.equal(sync.remembered[0]?.fields, new Map([['host:b', 'drained']]));
});

test('any number of heartbeats requested while one is running lead to one more', async () => {
  let runs = 0;
  const ends: (() => void)[] = [];
  const run = oneAtATime(() => {
    runs++;
    return new Promise((resolve) => void ends.push(resolve));
  });
  const all = Array.from({ length: 5 }, run);
  assert.is(runs, 1);
  ends[0]?.();
  await until(() => runs === 2);
  ends[1]?.();
  await Promise.all(all);
  assert.is(runs, 2);
  void run();
  assert.is(runs, 3, 'and the next one runs at once');
});

test.run();
