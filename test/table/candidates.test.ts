// Which hosts are candidates: not those that are down, ejected, or taken out by an operator, unless too many are out;
// and since when a host that comes back warms up. Time is an argument; lists are checked by names.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HostState, OperatorState } from '../../lib/model.js';
import type { CandidateRules } from '../../lib/table/candidates.js';
import { counterOf, readCounters } from '../../lib/table/counters.js';
import { createTable, POOL_HEADER, openTable, type TableColumns } from '../../lib/table/layout.js';
import { TableWriter } from '../../lib/table/writer.js';
import { candidatesOf } from '../support/candidates.js';
import { buildChange, buildRow, buildTable } from '../support/host-rows.js';

const test = suite('candidates');

const RULES: CandidateRules = { maxEjectedPercent: 50, slowStartMs: 10_000 };

/** The slots of the list in force, in order. */
function inForce(columns: TableColumns): number[] {
  return candidatesOf(columns).toSorted((a, b) => a - b);
}

/** A table of hosts a, b, c, …, whose list was built at 0 ms, when all were up. */
function openStage(count: number, rules = RULES) {
  const columns = openTable(createTable(64));
  columns.known.fill(1);
  const writer = new TableWriter(columns, counterOf(columns.counters), rules);
  const names = [...'abcdefghijklmnopqrstuvwxyz'].slice(0, count);
  let seq = 1;
  writer.apply(
    buildTable(
      1,
      seq,
      names.map((name) => buildRow(name)),
    ),
    0,
  );
  writer.rebuildCandidates(0);
  const slotOf = (name: string) => writer.hosts().find((host) => host.name === name)?.slot ?? -1;
  return {
    columns,
    writer,
    slotOf,
    eject: (name: string, untilMs: number) => void (columns.ejectedUntil[slotOf(name)] = untilMs),
    become: (state: HostState, ...which: string[]) =>
      void writer.apply(
        buildChange(
          1,
          ++seq,
          which.map((name) => buildRow(name, { state })),
        ),
        0,
      ),
    say: (operatorStates: Readonly<Record<string, OperatorState>>) =>
      writer.setOperatorStates(new Map(Object.entries(operatorStates))).map(({ name }) => name),
    listed: (nowMs = 0): string => {
      writer.rebuildCandidates(nowMs);
      const slots = candidatesOf(columns);
      return names.filter((name) => slots.includes(slotOf(name))).join('') + (slots.length > names.length ? '?' : '');
    },
    panics: () => [columns.poolHeader[POOL_HEADER.panic], readCounters(columns.counters).panics ?? 0],
    warming: () => Object.fromEntries(names.map((name) => [name, columns.warmSince[slotOf(name)]]).filter(([, sinceMs]) => sinceMs !== 0)),
  };
}

test('hosts that are down are no candidates; silent ones are', () => {
  const { become, listed } = openStage(5);
  become('down', 'b');
  become('silent', 'c');
  assert.is(listed(), 'acde');
  become('down', 'a');
  become('up', 'b');
  assert.is(listed(), 'bcde');
});

test('an ejected host is out until its ejection ends, and the writer returns when to rebuild; without an end it returns Infinity', () => {
  const { writer, eject, listed } = openStage(6);
  assert.is(writer.rebuildCandidates(0), Number.POSITIVE_INFINITY);
  eject('a', 5000);
  eject('b', 3000);
  eject('c', Number.POSITIVE_INFINITY);
  assert.is(writer.rebuildCandidates(1000), 3000);
  assert.is(listed(2999), 'def');
  assert.is(listed(3000), 'bdef');
  assert.is(writer.rebuildCandidates(3000), 5000);
  assert.is(listed(5000), 'abdef');
  assert.is(writer.rebuildCandidates(5000), Number.POSITIVE_INFINITY);
});

test('a host that is merely avoided for a moment stays in the list', () => {
  const { columns, slotOf, writer, listed } = openStage(3);
  columns.avoidUntil[slotOf('a')] = 5000;
  assert.is(listed(1000), 'abc');
  assert.is(writer.rebuildCandidates(1000), Number.POSITIVE_INFINITY);
});

test('a host that an operator took out is out, whatever its state, and the list is outdated when that changes', () => {
  const { writer, say, listed } = openStage(4);
  assert.equal(say({ a: 'drained', b: 'ejected', unknown: 'ejected' }), ['b']);
  assert.is(writer.isListOld, true);
  assert.is(listed(), 'cd');
  assert.equal(say({ a: 'ejected', b: 'ejected' }), ['a'], 'only those that are ejected since now');
  assert.equal(say({ b: 'drained' }), []);
  assert.is(listed(), 'acd');
  assert.equal(say({ b: 'drained' }), []);
  assert.is(writer.isListOld, false);
});

test("an operator's setting applies to a host that joins later, and persists when it leaves and returns", () => {
  const { writer, say, listed, slotOf, columns } = openStage(3);
  say({ b: 'drained', z: 'drained' });
  writer.apply(
    buildTable(
      1,
      9,
      ['a', 'c', 'z'].map((name) => buildRow(name)),
    ),
    0,
  );
  assert.is(listed(), 'ac');
  assert.is(columns.operator[slotOf('z')], 1);
  writer.apply(buildChange(1, 10, [buildRow('b')]), 0);
  assert.is(listed(), 'ac');
});

test("a writer that takes over keeps the operators' settings of the hosts it is handed", () => {
  const { columns, writer, say } = openStage(3);
  say({ a: 'ejected', c: 'drained' });
  const next = new TableWriter(columns, counterOf(columns.counters), RULES, writer.hosts());
  assert.equal(
    [...next.operatorStates],
    [
      ['a', 'ejected'],
      ['c', 'drained'],
    ],
  );
  assert.equal(
    next
      .setOperatorStates(
        new Map([
          ['a', 'ejected'],
          ['b', 'ejected'],
        ]),
      )
      .map(({ name }) => name),
    ['b'],
  );
});

test('own checks override the table, both ways, until they are forgotten', () => {
  const { writer, become, listed } = openStage(5);
  become('down', 'a');
  writer.setOwnDown('a', false);
  writer.setOwnDown('b', true);
  writer.setOwnDown('nobody', true);
  assert.is(writer.isListOld, true);
  assert.is(listed(), 'acde');
  writer.forgetChecks();
  assert.is(writer.isListOld, true);
  assert.is(listed(), 'bcde');
  writer.forgetChecks();
  assert.is(writer.isListOld, false);
});

/** Number of hosts that may be out before all are used. */
const SHARES: readonly (readonly [percent: number, hosts: number, mayBeOut: number])[] = [
  [50, 1, 0],
  [50, 2, 1],
  [50, 3, 1],
  [50, 4, 2],
  [50, 5, 2],
  [50, 10, 5],
  [0, 4, 0],
  [10, 10, 1],
  [10, 9, 0],
  [100, 4, 3],
  [99, 10, 9],
];

for (const [maxEjectedPercent, hosts, mayBeOut] of SHARES) {
  test(`with ${maxEjectedPercent} % of ${hosts} hosts, ${mayBeOut} may be out; with one more all are used`, () => {
    for (const how of ['down', 'ejected', 'both'] as const) {
      const stage = openStage(hosts, { ...RULES, maxEjectedPercent });
      const all = stage.listed();
      for (let out = 1; out <= hosts; out++) {
        const name = all[out - 1] as string;
        if (how === 'down' || (how === 'both' && out % 2 === 0)) stage.become('down', name);
        else stage.eject(name, Number.POSITIVE_INFINITY);
        assert.is(stage.listed(), out <= mayBeOut ? all.slice(out) : all, `${out} out`);
        assert.equal(stage.panics(), out <= mayBeOut ? [0, 0] : [1, 1], `${out} out`);
      }
    }
  });
}

test('panic mode ends when enough hosts are back, and each start is counted', () => {
  const { become, eject, listed, panics } = openStage(4);
  become('down', 'a', 'b');
  eject('c', 5000);
  assert.is(listed(1000), 'abcd');
  assert.is(listed(2000), 'abcd');
  assert.equal(panics(), [1, 1]);
  assert.is(listed(5000), 'cd');
  assert.equal(panics(), [0, 1]);
  eject('c', 9000);
  assert.is(listed(6000), 'abcd');
  assert.equal(panics(), [1, 2]);
});

test("hosts that an operator took out don't count in panic mode, and never come back by it", () => {
  const { become, say, listed, panics } = openStage(5);
  say({ a: 'drained', b: 'ejected', c: 'drained' });
  assert.is(listed(), 'de');
  assert.equal(panics(), [0, 0]);
  become('down', 'd', 'e');
  assert.is(listed(), 'de');
  assert.equal(panics(), [1, 1]);
  say({ a: 'drained', b: 'ejected', c: 'drained', d: 'drained', e: 'drained' });
  assert.is(listed(), '', 'an operator may take out all');
  assert.equal(panics(), [0, 1]);
});

test('a host that enters the list warms up from then on: back from down, ejected, drained, or new', () => {
  const { become, eject, say, listed, warming, writer, columns, slotOf } = openStage(9);
  become('down', 'a');
  eject('b', 20_000);
  say({ c: 'drained' });
  assert.is(listed(10_000), 'defghi');
  assert.equal(warming(), {});
  become('up', 'a');
  assert.is(listed(15_000), 'adefghi');
  assert.is(listed(20_000), 'abdefghi');
  say({});
  writer.apply(buildChange(1, 99, [buildRow('new')]), 0);
  listed(25_000);
  assert.equal(warming(), { a: 15_000, b: 20_000, c: 25_000 });
  assert.is(columns.warmSince[slotOf('new')], 25_000);
  listed(90_000);
  assert.equal(warming(), { a: 15_000, b: 20_000, c: 25_000 }, 'once, when it came');
});

const NOT_WARMED: readonly (readonly [when: string, run: (stage: ReturnType<typeof openStage>) => void])[] = [
  [
    'while the balancer has just started',
    ({ become, listed }) => {
      become('down', 'a');
      listed(1000);
      become('up', 'a');
      listed(2999);
    },
  ],
  [
    'when nobody was in the list',
    ({ say, listed }) => {
      say({ a: 'drained', b: 'drained', c: 'drained', d: 'drained' });
      assert.is(listed(10_000), '');
      say({});
      listed(20_000);
    },
  ],
  [
    'when a panic begins',
    ({ become, listed }) => {
      become('down', 'a');
      listed(10_000);
      become('down', 'b', 'c');
      assert.is(listed(20_000), 'abcd');
    },
  ],
  [
    'when a panic ends',
    ({ become, say, listed }) => {
      say({ d: 'drained' });
      become('down', 'a', 'b');
      assert.is(listed(10_000), 'abc');
      become('up', 'a', 'b');
      say({});
      listed(20_000);
    },
  ],
];

for (const [when, run] of NOT_WARMED) {
  test(`no host warms up ${when}`, () => {
    const stage = openStage(4);
    run(stage);
    assert.equal(stage.warming(), {});
  });
}

test('with a slow start of 0 no host warms up', () => {
  const { become, listed, warming } = openStage(4, { ...RULES, slowStartMs: 0 });
  become('down', 'a');
  listed(10_000);
  become('up', 'a');
  listed(20_000);
  assert.equal(warming(), {});
});

test('a host is no candidate before the traffic thread knows it, and does not count for panic mode', () => {
  const { columns, writer, listed, panics, become, slotOf } = openStage(2);
  columns.known.fill(0, 2);
  writer.apply(buildChange(1, 5, [buildRow('c'), buildRow('d')]), 0);
  assert.is(listed(), 'ab');
  assert.equal(inForce(columns), [slotOf('a'), slotOf('b')]);
  become('down', 'a');
  assert.is(listed(), 'b');
  assert.equal(panics(), [0, 0], 'one of two is out, not one of four');
  columns.known[slotOf('d')] = 1;
  assert.equal(writer.admitKnown(), { added: [], removed: [] });
  assert.is(writer.isListOld, true);
  listed();
  assert.equal(inForce(columns), [slotOf('b'), slotOf('d')]);
});

test('a host that moves is picked at its old address until the traffic thread knows the new one, however often it moves', () => {
  const { columns, writer, slotOf } = openStage(1);
  columns.known.fill(0, 1);
  const candidates = () => {
    writer.rebuildCandidates(0);
    return inForce(columns);
  };
  const moveTo = (seq: number, url: string) => writer.apply(buildChange(1, seq, [buildRow('a', { url })]), 0);
  const first = slotOf('a');
  assert.equal(moveTo(5, 'http://second').removed, []);
  const second = slotOf('a');
  assert.equal([second === first, candidates()], [false, [first]]);
  assert.equal(moveTo(6, 'http://third').removed, []);
  const third = slotOf('a');
  assert.equal(candidates(), [first]);
  assert.equal(writer.admitKnown().removed, [], 'the traffic thread does not know the third yet');
  columns.known[second] = 1;
  assert.equal(writer.admitKnown().removed, []);
  assert.equal(candidates(), [second]);
  columns.known[third] = 1;
  assert.equal(
    writer.admitKnown().removed.map(({ slot }) => slot),
    [second, first],
  );
  assert.equal(candidates(), [third]);
  assert.equal(writer.admitKnown().removed, [], 'once');
});

test('a host that leaves while it moves leaves with all its addresses', () => {
  const { columns, writer, slotOf } = openStage(2);
  const first = slotOf('a');
  writer.apply(buildChange(1, 5, [buildRow('a', { url: 'http://second' })]), 0);
  const second = slotOf('a');
  const { removed } = writer.apply(buildTable(1, 6, [buildRow('b')]), 0);
  assert.equal(
    removed.map(({ slot }) => slot),
    [second, first],
  );
  writer.rebuildCandidates(0);
  assert.equal(inForce(columns), [slotOf('b')]);
});

test('when the fleet thread is restarted, hosts that were in the list need no warm-up, and others do', () => {
  const { columns, writer, eject, listed, warming, slotOf } = openStage(4);
  eject('a', 20_000);
  listed(10_000);
  const next = new TableWriter(columns, counterOf(columns.counters), RULES, writer.hosts());
  next.rebuildCandidates(11_000);
  next.rebuildCandidates(20_000);
  assert.equal(warming(), { a: 20_000 });
  assert.is(slotOf('a') >= 0, true);
});

test.run();
