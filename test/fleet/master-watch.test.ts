// Whether a balancer hears a master, on a clock of the test's own.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MasterWatch } from '../../lib/fleet/master-watch.js';

const test = suite('master watch');

/** A watch that is looked at every 250 ms, as the fleet thread does, and what it said. */
function openStage(leaseTtlMs = 1500): {
  readonly said: string[];
  readonly watch: MasterWatch;
  pass(ms: number): void;
  pause(ms: number): void;
} {
  let nowMs = 0;
  const said: string[] = [];
  const stage = {
    said,
    watch: new MasterWatch({
      leaseTtlMs,
      clock: () => nowMs,
      log: (level, message, fields) => said.push(`${nowMs} ${level} ${message} ${JSON.stringify(fields ?? {})}`),
      why: () => 'because',
      onAlone: () => said.push(`${nowMs} alone`),
      onHeard: () => said.push(`${nowMs} heard`),
    }),
    pass(ms: number): void {
      for (const endMs = nowMs + ms; nowMs < endMs; ) {
        nowMs += 250;
        stage.watch.check();
      }
    },
    pause(ms: number): void {
      nowMs += ms;
      stage.watch.check();
    },
  };
  return stage;
}

test('after 3 s without a table it is alone and says why, and again each minute with the reason of then', () => {
  const { said, watch, pass } = openStage();
  pass(2750);
  assert.equal([said, watch.reason], [[], '']);
  pass(250);
  assert.equal(said, [
    '3000 warn no master is heard: this balancer checks its hosts itself {"seconds":3,"reason":"because"}',
    '3000 alone',
  ]);
  pass(59_750);
  assert.is(said.length, 2);
  pass(250);
  assert.match(said[2] ?? '', /^63000 warn .*"seconds":63/);
});

test('a table ends it, and the next silence is told anew', () => {
  const { said, watch, pass } = openStage();
  pass(5000);
  assert.is(watch.reason, 'because');
  watch.heard();
  assert.is(watch.reason, '');
  assert.equal(said.slice(2), ['5000 info a master is heard again {}', '5000 heard']);
  watch.heard();
  pass(3000);
  assert.is(said.filter((line) => line.endsWith(' alone')).length, 2);
});

test('a pause of the process is no silence: the tables that came meanwhile are not read yet', () => {
  const { said, watch, pass, pause } = openStage();
  pass(1000);
  watch.heard();
  pause(20_000);
  assert.equal(said, []);
  pass(3000);
  assert.is(said.length, 2, 'but when none were read after it');
});

test('with a long lease it waits for as long as a failover may take', () => {
  const { said, pass } = openStage(10_000);
  pass(19_750);
  assert.equal(said, []);
  pass(250);
  assert.is(said.length, 2);
});

test.run();
