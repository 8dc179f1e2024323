// Whether a balancer hears a master, on a simulated clock.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MasterWatch } from '../../lib/fleet/master-watch.js';

const test = suite('master watch');

/** A watch that is checked every 250 ms, as in the fleet thread, and what it reported. */
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

test('after 3 s without a table it reports the reason, and then every minute the current one', () => {
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

test('a table ends it, and the next silence is reported again', () => {
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

test('a pause of the process is not silence: tables that arrived meanwhile have not been read yet', () => {
  const { said, watch, pass, pause } = openStage();
  pass(1000);
  watch.heard();
  pause(20_000);
  assert.equal(said, []);
  pass(3000);
  assert.is(said.length, 2, 'but when none were read after it');
});

test('with a long lease it waits as long as a failover may take', () => {
  const { said, pass } = openStage(10_000);
  pass(19_750);
  assert.equal(said, []);
  pass(250);
  assert.is(said.length, 2);
});

test.run();
