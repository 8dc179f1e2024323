// When the master publishes, with real timers and a subscription that only records its calls. Nothing here depends on
// how soon a timer fires, only on the order of events.

import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { monotonicClock } from '../../lib/clock.js';
import { Gathering } from '../../lib/hosts/gathering.js';
import { until } from '../support/brackets.js';

const test = suite('gathering');

interface Stage {
  readonly gathering: Gathering;
  /** The events, in order: `flush`, `hold`, `release`. */
  readonly events: string[];
  readonly clock: () => number;
  /** Called at each release: the messages that the connection then delivers. */
  onRelease: () => void;
  isDue: boolean;
}

async function withStage(waits: { load: number; report: number }, fn: (stage: Stage) => Promise<void>): Promise<void> {
  const clock = monotonicClock();
  const events: string[] = [];
  const stage: Stage = {
    events,
    clock,
    isDue: true,
    onRelease: () => undefined,
    gathering: new Gathering({
      clock,
      subscription: {
        hold: () => void events.push('hold'),
        release: () => {
          events.push('release');
          stage.onRelease();
        },
      },
      waitMs: (isLoadAlone) => (isLoadAlone ? waits.load : waits.report),
      isDue: () => stage.isDue,
      flush: () => {
        stage.gathering.begin();
        events.push('flush');
      },
    }),
  };
  try {
    await fn(stage);
  } finally {
    stage.gathering.stop();
  }
}

const has = (stage: Stage, count: number): Promise<true> =>
  until(() => stage.events.length >= count || undefined, { what: () => `${count} steps, not ${stage.events.join(', ')}` });

test('changes are batched for their delay: reports do not wait for the delay of loads', () =>
  withStage({ load: 60_000, report: 5 }, async (stage) => {
    const { gathering, clock } = stage;
    const startMs = clock();
    gathering.soon(true);
    gathering.soon();
    gathering.soon(true);
    await has(stage, 1);
    assert.ok(clock() - startMs >= 4);
    assert.equal(stage.events, ['flush']);
  }));

test('nothing is published when nothing is due', () =>
  withStage({ load: 1, report: 1 }, async (stage) => {
    stage.isDue = false;
    stage.gathering.soon();
    await sleep(20);
    assert.equal(stage.events, []);
  }));

test('after a flush that followed several messages, the next ones are read in one batch and published at once', () =>
  withStage({ load: 20, report: 30 }, async (stage) => {
    const { gathering, clock } = stage;
    gathering.heard();
    gathering.heard();
    const begunAtMs = clock();
    gathering.begin();
    stage.onRelease = () => {
      for (let i = 0; i < 3; i++) {
        gathering.heard();
        gathering.soon(true);
      }
    };
    stage.isDue = false;
    gathering.end(begunAtMs);
    stage.isDue = true;
    await has(stage, 3);
    assert.equal(stage.events, ['hold', 'release', 'flush']);
    assert.ok(clock() - begunAtMs >= 19, 'not sooner than they would have been');
  }));

test('after a flush that followed at most one message, reading continues', () =>
  withStage({ load: 1, report: 1 }, async (stage) => {
    for (const messages of [0, 1]) {
      for (let i = 0; i < messages; i++) stage.gathering.heard();
      stage.gathering.begin();
      stage.isDue = false;
      stage.gathering.end(stage.clock());
    }
    await sleep(20);
    assert.equal(stage.events, []);
  }));

test('changes that arrived during a flush have waited since the flush began', () =>
  withStage({ load: 60_000, report: 60_000 }, async (stage) => {
    stage.gathering.begin();
    stage.gathering.end(stage.clock() - 60_000);
    await has(stage, 1);
    assert.equal(stage.events, ['flush']);
  }));

test('an endless stream of messages does not delay a due flush', () =>
  withStage({ load: 1, report: 1 }, async (stage) => {
    const { gathering } = stage;
    let isFlooding = true;
    const flood = (): void => {
      gathering.heard();
      gathering.soon();
      if (isFlooding) setImmediate(flood);
    };
    gathering.heard();
    gathering.heard();
    gathering.begin();
    stage.onRelease = flood;
    stage.isDue = false;
    gathering.end(stage.clock());
    stage.isDue = true;
    try {
      await has(stage, 3);
    } finally {
      isFlooding = false;
    }
    assert.equal(stage.events.slice(0, 3), ['hold', 'release', 'flush']);
  }));

test('a failed flush is retried after its delay, whatever arrives meanwhile', () =>
  withStage({ load: 1, report: 1 }, async (stage) => {
    const startMs = stage.clock();
    stage.gathering.again(40);
    stage.gathering.soon();
    await has(stage, 1);
    assert.ok(stage.clock() - startMs >= 39);
    assert.equal(stage.events, ['flush']);
  }));

test.run();
