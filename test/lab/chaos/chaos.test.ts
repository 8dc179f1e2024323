// What surrounds a chaos run: which faults a seed draws, when a fleet is well, the times in the report, and the command.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ALL_FAULTS } from '../../../lib/lab/chaos/all-faults.js';
import type { ChaosHealth } from '../../../lib/lab/chaos/chaos-balancer.js';
import type { ChaosEvent } from '../../../lib/lab/chaos/events.js';
import { problemOf } from '../../../lib/lab/chaos/load.js';
import { reportChaos } from '../../../lib/lab/chaos/report.js';
import { drawFaults, longestGapMs, type RoundOutcome } from '../../../lib/lab/chaos/run.js';
import { lackOf } from '../../../lib/lab/chaos/wellness.js';
import type { HostRow, HostState } from '../../../lib/model.js';
import { tableOf } from '../../support/chaos-events.js';
import { refusedHere } from '../../support/meercat.js';

const test = suite('chaos run');

test('a seed draws the same faults each time, another one others, and each kind about as often', () => {
  const kinds = Object.keys(ALL_FAULTS).length;
  const drawn = drawFaults(1, 3 * kinds);
  assert.equal(drawn, drawFaults(1, 3 * kinds));
  assert.not.equal(drawn, drawFaults(2, 3 * kinds));
  for (const name of Object.keys(ALL_FAULTS)) assert.is(drawn.filter((each) => each === name).length, 3, name);
  assert.equal(new Set(drawFaults(5, 10, ['host killed', 'balancer killed'])), new Set(['host killed', 'balancer killed']));
});

const page = (changes: Partial<ChaosHealth> = {}): ChaosHealth => ({
  status: 'serving',
  reason: 'ready',
  role: 'slave',
  term: 3,
  hosts: 2,
  inflight: 0,
  table: { term: 3, mastership: 'aaaaaaaaaaaa', seq: 9 },
  ...changes,
});

const rows = (...states: readonly HostState[]): HostRow[] => states.map((state, index) => ({ name: `h${index + 1}`, state }) as HostRow);
const table = { stamp: { term: 3, mastership: 'aaaaaaaaaaaabbbb', seq: 9 }, hosts: rows('up', 'up') };
const hosts = ['h1', 'h2'];

test('a fleet is well with one master, one term, one mastership and all hosts up, and lacks something otherwise', () => {
  const master = page({ role: 'master' });
  const fleet = (b2: ChaosHealth | undefined, b1: ChaosHealth = master) =>
    new Map([
      ['b1', b1],
      ['b2', b2],
    ] as const);
  assert.is(lackOf(fleet(page()), table, hosts), '');
  for (const [lack, pages, stored] of [
    ['b2 does not answer', fleet(undefined), table],
    ['masters are b1 and b2', fleet(master), table],
    ['there is no master', fleet(page(), page()), table],
    ['b2 knows term 4, and b1 term 3', fleet(page({ term: 4 })), table],
    ['b2 routes on a table of term 2', fleet(page({ table: { term: 2, mastership: 'aaaaaaaaaaaa', seq: 1 } })), table],
    ['b2 routes on a table of term 3, mastership cccc', fleet(page({ table: { term: 3, mastership: 'cccc', seq: 1 } })), table],
    ['b2 is starting', fleet(page({ status: 'starting' })), table],
    ['b2 knows 1 hosts of 2', fleet(page({ hosts: 1 })), table],
    ['Redis has no table', fleet(page()), undefined],
    ['the table in Redis is of term 2', fleet(page()), { ...table, stamp: { ...table.stamp, term: 2 } }],
    ['not up: h2 (silent)', fleet(page()), { ...table, hosts: rows('up', 'silent') }],
    ['not up: h2 (unknown)', fleet(page()), { ...table, hosts: rows('up') }],
  ] as const)
    assert.ok(lackOf(pages, stored, hosts).startsWith(lack), `${lackOf(pages, stored, hosts)}, not ${lack}`);
});

test('an answer is right if it is of a host and of this request', () => {
  assert.is(problemOf(200, 'h1 /r/7', '/r/7'), '');
  assert.match(problemOf(200, 'h1 /r/8', '/r/7'), /200 with the body/);
  assert.match(problemOf(200, '', '/r/7'), /200 with the body/);
  assert.is(problemOf(0, 'ECONNREFUSED', '/r/7'), 'no answer (ECONNREFUSED)');
  assert.is(problemOf(503, '{"error":"MEERCAT_NO_HOST"}', '/r/7'), '503 MEERCAT_NO_HOST');
  assert.is(problemOf(500, 'h1 /r/7', '/r/7'), '500 h1 /r/7');
});

const tableAt = (atMs: number): ChaosEvent => tableOf(1, atMs, atMs);

test('the longest time without a table counts the time before the first and after the last one', () => {
  assert.is(longestGapMs([tableAt(5), tableAt(100), tableAt(400), tableAt(450)], 50, 500), 300);
  assert.is(longestGapMs([tableAt(900)], 100, 1000), 800);
  assert.is(longestGapMs([tableAt(150)], 100, 1000), 850);
  assert.is(longestGapMs([], 100, 1000), 900);
});

test('the report has a row for each fault and what it hit, and the first violations of a rule with their histories', () => {
  const outcome = (fault: string, hit: string, ms: number): RoundOutcome => ({
    round: 1,
    fault,
    hit,
    gapMs: ms,
    wellAfterMs: ms / 2,
    uncountedMs: ms / 4,
    lack: '',
    lost: 1,
  });
  const ended = (atMs: number): ChaosEvent => ({ kind: 'ended', atMs, process: 'b1', lines: [] });
  const events = [1, 2, 3, 4].map(ended);
  const report = reportChaos({
    seed: 9,
    outcomes: [outcome('host killed', 'host', 10), outcome('balancer killed', 'slave', 20), outcome('balancer killed', 'slave', 40)],
    requests: 100,
    masterships: 2,
    events,
    violations: events.map(({ atMs }) => ({ rule: 'nothing ends', atMs, what: 'b1 ended by itself' })),
  });
  assert.equal(report.tables[0]?.slice(1), [
    ['balancer killed', 'slave', 2, 40, 10, 20, 10, 2],
    ['host killed', 'host', 1, 10, 5, 5, 3, 1],
  ]);
  assert.is(report.notes.at(-1), '4 violations; 0.0 s of 0.0 s of recovery did not count, since the machine was short of CPU');
  assert.is(report.wrong.length, 4);
  assert.equal(
    report.wrong.map((each) => each.includes('the shortest history')),
    [true, true, true, false],
  );
});

test('every fault can be chosen by its name in a list with commas', () => {
  assert.equal(
    Object.keys(ALL_FAULTS).filter((name) => name.includes(',') || name !== name.trim()),
    [],
  );
});

test('an unknown fault is refused with the list of those there are', async () => {
  const { code, stderr } = await refusedHere(['bench', 'chaos', '--only', 'earthquake']);
  assert.is(code, 2);
  assert.match(stderr, /--only: one or more of balancer killed, .*forged settings, not "earthquake"/);
});

test.run();
