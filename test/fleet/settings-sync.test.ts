// How a balancer acts on the settings: on what changed, once; and how many events in a row lead to how many reads.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SettingsSync } from '../../lib/fleet/settings-sync.js';
import type { TableSync } from '../../lib/fleet/table-sync.js';
import type { OperatorWord } from '../../lib/model.js';
import type { Commands } from '../../lib/redis/connect.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { parseSettings } from '../../lib/redis/settings.js';
import { until } from '../support/until.js';

const test = suite('settings sync');

/** A sync whose Redis answers when it is let, with what `fields` is then; and all that it did. */
function openStage() {
  const done: string[] = [];
  const reads: { readonly answer: () => void; readonly fail: () => void }[] = [];
  const stage = { fields: {} as Record<string, string>, done, reads };
  let words: ReadonlyMap<string, OperatorWord> = new Map();
  const client = {
    hgetall: () => new Promise((resolve, reject) => void reads.push({ answer: () => resolve(stage.fields), fail: () => reject(new Error('gone')) })),
  };
  const table = {
    get writer() {
      return { words };
    },
    setWords(taken: ReadonlyMap<string, OperatorWord>) {
      words = taken;
      done.push(`words ${[...taken].map(([host, word]) => `${host} ${word}`).join()}`);
    },
  };
  const sync = new SettingsSync({
    client: client as unknown as Commands,
    keys: buildKeys('x'),
    table: table as unknown as TableSync,
    count: (name, times) => void done.push(`count ${name} ${times}`),
    log: (level, message, fields) => void done.push(`${level} ${message} ${JSON.stringify(fields)}`),
    post: (message) => void done.push(JSON.stringify(message)),
  });
  return { ...stage, stage, sync, take: (fields: Record<string, string>) => {
    done.length = 0;
    sync.take(parseSettings(fields));
    return done.filter((line) => !line.startsWith('words'));
  } };
}

test('what changed is acted on, and nothing twice', () => {
  const { take } = openStage();
  const took = (host: string, word: string) => `info an operator took a host out {"host":"${host}","word":"${word}"}`;
  assert.equal(take({}), []);
  assert.equal(take({ algorithm: 'resource', 'host:a': 'drained' }), ['{"type":"algorithm","algorithm":"resource"}', took('a', 'drained')]);
  assert.equal(take({ algorithm: 'resource', 'host:a': 'drained' }), []);
  assert.equal(take({ algorithm: 'resource', 'host:a': 'ejected', 'host:b': 'drained' }), [took('a', 'ejected'), took('b', 'drained')]);
  assert.equal(take({ 'host:b': 'drained', odd: '1' }), [
    'count settings_dropped 1', 'warn a field of the settings hash is not understood {"key":"x:settings"}', '{"type":"algorithm","algorithm":null}',
    'info an operator let a host in again {"host":"a"}',
  ]);
  assert.equal(take({ 'host:b': 'drained', odd: '1' }), []);
});

test('events that come while the settings are read lead to one more read, however many they are', async () => {
  const { stage, sync, reads, done } = openStage();
  for (let i = 0; i < 5; i++) void sync.refresh();
  assert.is(reads.length, 1);
  stage.fields = { 'host:a': 'drained' };
  reads[0]?.answer();
  await until(() => reads.length === 2);
  stage.fields = { 'host:a': 'ejected' };
  reads[1]?.answer();
  await until(() => done.includes('words a ejected'));
  assert.is(reads.length, 2);
});

test('settings that can’t be read change nothing, and the next event reads them again', async () => {
  const { stage, sync, reads, done } = openStage();
  const failed = sync.refresh();
  reads[0]?.fail();
  await failed;
  assert.equal(done, []);
  stage.fields = { 'host:a': 'drained' };
  void sync.refresh();
  assert.is(reads.length, 2);
  reads[1]?.answer();
  await until(() => done.includes('words a drained'));
});

test.run();
