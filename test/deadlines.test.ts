// When waits end, on a clock controlled by the test: in time, later after a pause of the process, but never not at all.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ClientPatience } from '../lib/traffic/client/client-patience.js';
import { Deadlines, type Waiting } from '../lib/deadlines.js';
import { HostQueue } from '../lib/traffic/host/host-queue.js';

const test = suite('deadlines');

interface Wait extends Waiting {
  /** Time of the call. */
  readonly calledAtMs: number[];
}

interface Stage {
  readonly deadlines: Deadlines;
  readonly now: () => number;
  /** Checks the deadlines ten times a second until this time. */
  run(untilMs: number): void;
  /** Pauses the process until this time; then checks once. */
  pause(untilMs: number): void;
  wait(deadlineMs: number): Wait;
}

/** Starts at 0 ms. The real timer never fires. */
function withStage(fn: (stage: Stage) => void): void {
  let nowMs = 0;
  const deadlines = new Deadlines(() => nowMs);
  const lookAt = (ms: number): void => {
    nowMs = ms;
    deadlines.look(ms);
  };
  try {
    fn({
      deadlines,
      now: () => nowMs,
      run(untilMs) {
        for (let ms = nowMs + 100; ms < untilMs; ms += 100) lookAt(ms);
        lookAt(untilMs);
      },
      pause: lookAt,
      wait(deadlineMs) {
        const wait: Wait = {
          deadlineMs,
          calledAtMs: [],
          onDeadline: (ms) => {
            wait.calledAtMs.push(ms);
            wait.deadlineMs = Number.POSITIVE_INFINITY;
          },
        };
        deadlines.add(wait);
        return wait;
      },
    });
  } finally {
    deadlines.stop();
  }
}

test('a deadline fires once, at the first check after it, and not after the wait was removed', () =>
  withStage(({ run, wait, deadlines }) => {
    const [one, two] = [wait(450), wait(450)];
    deadlines.remove(two);
    run(5000);
    assert.equal([one.calledAtMs, two.calledAtMs], [[500], []]);
  }));

test('a check that is late by a second or less is not a pause', () =>
  withStage(({ run, pause, wait }) => {
    const one = wait(1500);
    run(1000);
    pause(2100);
    assert.equal(one.calledAtMs, [2100]);
  }));

test('after a pause each wait keeps its remaining time, at least a second; a real timeout still fires', () =>
  withStage(({ run, pause, wait }) => {
    const [soon, late, far, idle] = [wait(1100), wait(3000), wait(60_000), wait(Number.POSITIVE_INFINITY)];
    run(1000);
    pause(11_100);
    assert.equal(
      [soon, late, far].map(({ calledAtMs }) => calledAtMs),
      [[], [], []],
    );
    assert.equal([soon.deadlineMs, late.deadlineMs, far.deadlineMs, idle.deadlineMs], [12_100, 13_000, 60_000, Number.POSITIVE_INFINITY]);
    run(20_000);
    assert.equal([soon.calledAtMs, late.calledAtMs], [[12_100], [13_000]]);
  }));

test('a wait that begins after a pause, before it is noticed, is not extended by it', () =>
  withStage(({ pause, wait, now }) => {
    pause(0);
    const paused = 3_600_000;
    const short = wait(paused + 200);
    const long = wait(paused + 60_000);
    pause(paused);
    assert.equal([now(), short.deadlineMs, long.deadlineMs], [paused, paused + 1000, paused + 60_000]);
  }));

test('waits still time out in a process that is always late', () =>
  withStage(({ pause, wait }) => {
    const one = wait(5000);
    for (let ms = 3000; ms <= 60_000; ms += 3000) pause(ms);
    assert.equal(one.calledAtMs, [6000]);
  }));

test('two pauses with a timely check between them both extend the deadline', () =>
  withStage(({ run, pause, wait }) => {
    const one = wait(2000);
    run(1000);
    pause(11_000);
    run(11_200);
    pause(21_000);
    assert.equal(one.calledAtMs, []);
    run(30_000);
    assert.is(one.calledAtMs.length, 1);
  }));

test('a queued request does not time out because of a pause, but does when its time is up', async () => {
  let ends: Promise<string>[] = [];
  const ended: string[] = [];
  withStage(({ deadlines, run, pause }) => {
    const queue = new HostQueue(3, deadlines);
    ends = [500, 900, 2000].map((deadlineMs) => queue.wait(deadlineMs, () => true));
    for (const [index, end] of ends.entries()) void end.then((how) => ended.push(`${index} ${how}`));
    assert.is(queue.isFull, true);
    run(200);
    pause(5000);
    queue.letIn();
    assert.is(queue.isFull, false);
    run(6000);
    run(9000);
  });
  await Promise.all(ends);
  assert.equal(ended, ['0 room', '1 timeout', '2 timeout']);
});

test('a body’s rate is not measured over a pause', () =>
  withStage(({ deadlines, run, pause, now }) => {
    const late: string[] = [];
    const patience = new ClientPatience(
      { minBodyRate: 100, headerTimeoutMs: 1000, clientTimeoutMs: 1000, keepAliveTimeoutMs: 1000, tunnelTimeoutMs: 1000 },
      now,
      (overdue) => void late.push(overdue),
    );
    deadlines.add(patience);
    patience.beginBody(0);
    run(900);
    patience.onBody(10);
    pause(21_000);
    patience.onBody(20);
    run(21_100);
    assert.equal(late, []);
    run(25_000);
    assert.equal(late.length, 1);
  }));

test('a conversation may be silent for as long as a tunnel, at any rate, and both sides keep it alive', () =>
  withStage(({ deadlines, run, now }) => {
    const late: string[] = [];
    const patience = new ClientPatience(
      { minBodyRate: 100, headerTimeoutMs: 1000, clientTimeoutMs: 1000, keepAliveTimeoutMs: 1000, tunnelTimeoutMs: 10_000 },
      now,
      (overdue) => void late.push(overdue),
    );
    deadlines.add(patience);
    patience.converse();
    patience.onAnswered();
    run(20_000);
    patience.beginBody(0);
    run(29_000);
    patience.onBody(1);
    run(38_000);
    patience.onAnswered();
    run(47_000);
    assert.equal(late, []);
    run(49_000);
    assert.equal(late, ['silent']);
    patience.beginBody(1);
    patience.onBodyDone();
    patience.onAnswered();
    run(100_000);
    assert.equal(late, ['silent']);
  }));

test.run();
