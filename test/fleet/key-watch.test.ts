// Who is kept from mastership for its key: a balancer whose key is not the fleet's, and never one that is right, whatever
// is forged; and when a master concludes that nobody else has its key.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KeyWatch } from '../../lib/fleet/key-watch.js';
import { OtherBalancers } from '../../lib/hosts/other-balancers.js';
import type { LoadMessage } from '../../lib/model.js';
import type { Opened } from '../../lib/redis/signed-messages.js';
import type { Signature } from '../../lib/redis/signature.js';

const test = suite('key watch');

const signature = (sender: string, isOpen = false): Signature => ({
  ...{ keyId: '0badf00d', role: 'master', sender, run: 'r', scope: '', term: 1, seq: 1, isOpen },
});

function openStage(isKeyed: boolean) {
  const stage = { nowMs: 1000, lines: [] as string[] };
  const log = (_level: string, _message: string, fields?: object): void => void stage.lines.push(JSON.stringify(fields));
  return {
    stage,
    watch: new KeyWatch({ clock: () => stage.nowMs, log, isKeyed: () => isKeyed, ids: () => (isKeyed ? ['12345678'] : []) }),
  };
}

test('a balancer that hears tables of another key, or unsigned ones, must not become master while they come', () => {
  const { stage, watch } = openStage(true);
  assert.is(watch.bar, '');
  watch.onRefused('key', signature('b1'));
  assert.match(watch.bar, /fleet key is 12345678, and the tables of b1 are signed with 0badf00d/);
  for (let i = 0; i < 20; i++, stage.nowMs += 4000) {
    watch.onRefused('key', signature('b1'));
    assert.is.not(watch.bar, '');
  }
  assert.is(stage.lines.length, 1, 'said once');
  stage.nowMs += 5000;
  assert.is(watch.bar, '');
  watch.onRefused('unsigned', null);
  assert.match(watch.bar, /not signed/);
});

test('a clock that is wrong by more than a minute bars as a wrong key does', () => {
  const { watch } = openStage(true);
  watch.onRefused('clock', signature('b1'));
  assert.match(watch.bar, /clock of this machine and that of b1/);
});

test('what is altered, replayed or said by the wrong role bars nobody', () => {
  const { watch } = openStage(true);
  for (const reason of ['altered', 'replayed', 'role'] as const) watch.onRefused(reason, signature('b1'));
  assert.is(watch.bar, '');
});

test('who heard a good table of late is not barred by forged ones, however many', () => {
  const { stage, watch } = openStage(true);
  watch.onRefused('key', signature('b1'));
  watch.onTable(signature('b1'));
  assert.is(watch.bar, '');
  for (let i = 0; i < 14; i++, stage.nowMs += 4000) {
    watch.onRefused('key', signature('evil'));
    watch.onRefused('unsigned', null);
    assert.is(watch.bar, '', String(i));
  }
  stage.nowMs += 60_000;
  watch.onRefused('key', signature('evil'));
  assert.is.not(watch.bar, '');
});

test('without a key, signed tables bar, but not while the fleet accepts unsigned ones', () => {
  const { watch } = openStage(false);
  watch.onTable(null);
  watch.onTable(signature('b1', true));
  assert.is(watch.bar, '');
  watch.onTable(signature('b1'));
  assert.match(watch.bar, /no --fleet-key, and b1 signs/);
});

test('a master that nobody understood stays out for a while, whatever of its own arrives; new keys end that', () => {
  const { stage, watch } = openStage(true);
  watch.onTable(signature('me'));
  watch.onUnheard();
  watch.onTable(signature('me'));
  assert.is.not(watch.bar, '');
  watch.onRefused('key', signature('b2'));
  stage.nowMs += 10_001;
  assert.is(watch.bar, '');
  watch.onUnheard();
  watch.onKeys();
  assert.is(watch.bar, '');
});

const good = (balancer: string, claimed: Signature | null = signature(balancer)): Opened<LoadMessage> => ({
  ...{ ok: true, value: { balancer } as LoadMessage, claimed },
});
const foreign = (balancer: string): Opened<LoadMessage> => ({ ok: false, reason: 'key', isCounted: true, claimed: signature(balancer) });

test('a master is unheard when all others sign with another key for five seconds, and not while one does not', () => {
  const others = new OtherBalancers('b1', 0, () => true);
  for (let ms = 0; ms < 4500; ms += 500) {
    others.onLoad(foreign('b2'), ms);
    others.onLoad(good('b1'), ms);
    assert.not.ok(others.areUnheard(ms));
  }
  assert.ok(others.areUnheard(5000));
  // Somebody floods: the others are still heard.
  const flooded = new OtherBalancers('b1', 0, () => true);
  for (let ms = 0; ms < 60_000; ms += 500) {
    for (const name of ['b2', 'b3', 'evil']) flooded.onLoad(foreign(name), ms);
    if (ms % 2000 === 0) flooded.onLoad(good('b2'), ms);
    assert.not.ok(flooded.areUnheard(ms));
  }
});

test('a master that is alone, or hears nothing at all, is not unheard', () => {
  const others = new OtherBalancers('b1', 0, () => true);
  others.onLoad(foreign('b1'), 9000);
  assert.not.ok(others.areUnheard(10_000));
});

test('a master without a key is unheard when all others sign and take only what is signed', () => {
  const others = new OtherBalancers('b1', 0, () => false);
  others.onLoad(good('b2'), 5000);
  assert.ok(others.areUnheard(6000));
  others.onLoad(good('b3', signature('b3', true)), 6000);
  assert.not.ok(others.areUnheard(6001));
  others.onLoad(good('b3', null), 6002);
  assert.not.ok(others.areUnheard(10_000));
});

test.run();
