// What the screen of a fleet shows, and which keys it answers: on a terminal that is made up here. A real one is in
// watch-status.test.ts.

import { EventEmitter } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FleetScreen, type FleetScreenOptions, openFleetScreen } from '../../lib/console/fleet-screen.js';
import type { FleetView, HostRecord } from '../../lib/redis/fleet-view.js';

const test = suite('fleet screen');

const host = (name: string, inflight: number): HostRecord => ({
  name,
  url: 'http://127.0.0.1:3000',
  state: 'up',
  isUnassigned: false,
  operator: null,
  hasAgent: true,
  cpu: 0.5,
  memory: 0.5,
  cores: 1,
  inflight,
  longLived: 0,
  rps: 1,
  p50Ms: null,
  p99Ms: null,
  errorRps: null,
  ejectedBy: null,
  reported: null,
});

const FLEET: FleetView = {
  namespace: 'meercat',
  master: null,
  term: 3,
  site: null,
  maintenance: [],
  balancers: [],
  hosts: [host('h1', 1), host('h2', 2)],
  pools: [],
  problems: ['something is wrong'],
};

interface Stage {
  readonly screen: FleetScreen;
  /** How often a person wanted to end it. */
  readonly ends: () => number;
  /** What was drawn last. */
  readonly shown: () => string[];
  type(keys: string): void;
}

/** Opens a screen on a terminal without a keyboard, or with one. */
function withScreen(options: Partial<FleetScreenOptions>, fn: (stage: Stage) => void, hasKeys = true): void {
  let [drawn, ends] = ['', 0];
  const output = Object.assign(new EventEmitter(), { isTTY: true, rows: 30, columns: 100, write: (text: string) => (drawn = text) });
  const input = Object.assign(new EventEmitter(), { isTTY: true, setRawMode: () => input, pause: () => input });
  const screen = openFleetScreen(
    { output: output as unknown as NodeJS.WriteStream, input: hasKeys ? (input as unknown as NodeJS.ReadStream) : undefined },
    { isColoured: false, isQuitByQ: true, endWord: 'quit', onEnd: () => ends++, ...options },
  );
  try {
    fn({
      screen,
      ends: () => ends,
      shown: () =>
        stripVTControlCharacters(drawn)
          .split('\n')
          .filter((line) => line !== ''),
      type: (keys) => void input.emit('data', Buffer.from(keys)),
    });
  } finally {
    screen.close();
  }
}

test('before the first figures it says so, and then shows them with what is wrong and what can be typed', () =>
  withScreen({}, ({ screen, shown }) => {
    assert.equal(shown(), ['no figures yet', 'q quit']);
    screen.show(FLEET);
    assert.is(shown()[0], 'fleet meercat: 0 balancers, 2 hosts; no master at the moment');
    assert.equal(shown().slice(-2), ['something is wrong', 'q quit   s sort by load (now by name)']);
  }));

test('q and Ctrl-C end it; where q is not to, as in `up`, it does nothing', () => {
  withScreen({}, ({ type, ends }) => {
    type('q');
    type('\u0003');
    assert.is(ends(), 2);
  });
  withScreen({ isQuitByQ: false, endWord: 'stop' }, ({ type, ends, shown }) => {
    type('q');
    assert.is(ends(), 0);
    assert.is(shown().at(-1), 'Ctrl-C stop');
    type('\u0003');
    assert.is(ends(), 1);
  });
});

test('a terminal without a keyboard shows the same, and how to end it', () =>
  withScreen(
    {},
    ({ screen, shown }) => {
      screen.show(FLEET);
      assert.equal(shown().slice(-1), ['Ctrl-C quit']);
    },
    false,
  ));

test('a key is answered at once, with the figures that are there', () =>
  withScreen({}, ({ screen, type, shown }) => {
    screen.show(FLEET);
    type('s');
    assert.is(shown().at(-1), 'q quit   s sort by cpu (now by load)');
    assert.ok(shown().findIndex((line) => line.startsWith('h2')) < shown().findIndex((line) => line.startsWith('h1')));
  }));

test('trouble is said below the last figures until there are new ones; without any it stands alone', () =>
  withScreen({}, ({ screen, shown }) => {
    screen.showTrouble('Redis is away');
    assert.equal(shown(), ['no figures yet', 'Redis is away', 'q quit']);
    screen.show(FLEET);
    screen.showTrouble('Redis is away');
    assert.match(shown().join('\n'), /^h2 [^]*^Redis is away: these figures are 0 s old\nsomething is wrong$/m);
    screen.show(FLEET);
    assert.not.match(shown().join('\n'), /away/);
  }));

test('a text in place of the fleet has nothing to sort', () =>
  withScreen({}, ({ screen, shown }) => {
    screen.showText('CLASS  COST\nGET /  1 ms');
    assert.equal(shown(), ['CLASS  COST', 'GET /  1 ms', 'q quit']);
  }));

test('notes stay, and what parts of the fleet say and its events come below them', () =>
  withScreen({ notes: ['try  curl http://127.0.0.1:8080'] }, ({ screen, shown }) => {
    screen.show({ ...FLEET, problems: [] });
    screen.onLine('b1 died: it is started again');
    screen.onEvent({ kind: 'balancer-left', name: 'b1' });
    const [note, line, event] = shown().slice(-4);
    assert.is(note, 'try  curl http://127.0.0.1:8080');
    assert.match(line ?? '', /^\d\d:\d\d:\d\d {2}b1 died: it is started again$/);
    assert.match(event ?? '', /^\d\d:\d\d:\d\d {2}b1 left the fleet$/);
  }));

test.run();
