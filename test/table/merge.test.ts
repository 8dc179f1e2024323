// How the table merges its sources: this balancer's static hosts, the master's tables, and the first table of a new
// master, which may not know all hosts yet. Also the counters, which are stored beside it.

import { candidatesOf } from '../support/candidates.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COUNTERS, counterOf, readCounters } from '../../lib/table/counters.js';
import { createTable, openTable } from '../../lib/table/layout.js';
import { type SlotChange, TableWriter } from '../../lib/table/writer.js';
import { buildChange, buildRow, buildTable } from '../support/host-rows.js';

const test = suite('table merge');

const STATIC = { name: 's', url: 'http://s:8080' };

function openStage() {
  const columns = openTable(createTable(64));
  columns.known.fill(1);
  const writer = new TableWriter(columns, counterOf(columns.counters));
  const slotOf = (name: string) => writer.hosts().find((host) => host.name === name)?.slot ?? -1;
  return { columns, writer, slotOf };
}

const named = ({ added, removed }: SlotChange) => ({ added: added.map(({ name }) => name), removed: removed.map(({ name }) => name) });
const names = (writer: TableWriter) =>
  writer
    .hosts()
    .map(({ name }) => name)
    .toSorted();

test("static hosts are in the table before any master's table", () => {
  const { writer, columns, slotOf } = openStage();
  assert.equal(named(writer.setStatics([STATIC])), { added: ['s'], removed: [] });
  writer.rebuildCandidates(0);
  assert.equal(candidatesOf(columns), [slotOf('s')]);
  assert.equal(writer.rows(0), [], 'the master gets nothing that it did not say itself');
});

test('a static host that is published keeps its slot and gets figures', () => {
  const { writer, columns, slotOf } = openStage();
  writer.setStatics([STATIC]);
  const slot = slotOf('s');
  assert.equal(named(writer.apply(buildTable(1, 1, [buildRow('s', { cpu: 0.7 })]), 0)), { added: [], removed: [] });
  assert.is(slotOf('s'), slot);
  assert.is(columns.cpu[slot], 0.7);
});

test('a static host that is no longer published stays, up and without figures', () => {
  for (const unpublish of [buildChange(1, 2, [], ['s']), buildTable(1, 2, [])]) {
    const { writer, columns, slotOf } = openStage();
    writer.setStatics([STATIC]);
    writer.apply(buildTable(1, 1, [buildRow('s', { cpu: 0.7, state: 'down' }), buildRow('x')]), 0);
    writer.rebuildCandidates(0);
    const slot = slotOf('s');
    assert.equal(named(writer.apply(unpublish, 0)).removed, unpublish.isFull ? ['x'] : []);
    assert.is(slotOf('s'), slot);
    assert.ok(Number.isNaN(columns.cpu[slot]) && Number.isNaN(columns.usage[slot]) && Number.isNaN(columns.reportedAt[slot]));
    assert.is(columns.state[slot], 0);
    assert.is(writer.isListOld, true);
  }
});

test('a host that was published first and named static later stays when it is unpublished', () => {
  const { writer } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('s')]), 0);
  assert.equal(named(writer.setStatics([STATIC])), { added: [], removed: [] });
  writer.apply(buildTable(1, 2, []), 0);
  assert.equal(names(writer), ['s']);
});

test('static hosts can be replaced: one that no master has published leaves, and one with another URL gets a new slot', () => {
  const { writer, slotOf } = openStage();
  writer.setStatics([STATIC, { name: 't', url: 'http://t:1' }, { name: 'u', url: 'http://u:1' }]);
  writer.apply(buildTable(1, 1, [buildRow('u', { url: 'http://u:1' })]), 0);
  const old = slotOf('t');
  assert.equal(named(writer.setStatics([{ name: 't', url: 'http://t:2' }])), { added: ['t'], removed: ['s'] });
  assert.ok(slotOf('t') !== old);
  assert.equal(names(writer), ['t', 'u'], 'the master knows whether others name the published one');
  writer.apply(buildChange(1, 2, [], ['u']), 0);
  assert.equal(names(writer), ['t']);
});

test('a host keeps the name that DNS found it by: its own, else the master’s; another name is another place', () => {
  const { writer, slotOf } = openStage();
  const own = { name: 's', url: 'https://10.0.0.7', authority: 'api.test' };
  assert.equal(writer.setStatics([own]).added, [{ slot: slotOf('s'), ...own }]);
  const slot = slotOf('s');
  // A master of an earlier version leaves it out.
  writer.apply(buildTable(1, 1, [buildRow('s', { url: own.url })]), 0);
  assert.equal(writer.hosts(), [{ slot, ...own }]);
  assert.is(writer.rows(0)[0]?.authority, 'api.test');
  writer.setStatics([]);
  writer.apply(buildChange(1, 2, [buildRow('s', { url: own.url, authority: 'other.test' })]), 0);
  assert.is(writer.hosts()[0]?.authority, 'other.test');
  assert.ok(slotOf('s') !== slot, 'connections of the old name are not used for the new one');
});

test('when a static host is published with another URL, the published one wins, in a new slot', () => {
  const { writer, slotOf } = openStage();
  writer.setStatics([STATIC]);
  const old = slotOf('s');
  writer.apply(buildTable(1, 1, [buildRow('s', { url: 'http://s:81' })]), 0);
  assert.equal(
    writer.admitKnown().removed.map(({ slot }) => slot),
    [old],
  );
  assert.equal(
    writer.hosts().map(({ url }) => url),
    ['http://s:81'],
  );
  writer.apply(buildTable(1, 2, []), 0);
  assert.equal(names(writer), ['s'], 'it is still static');
});

test('a snapshot does not move a static host to another URL; a live master does, and can also move it back', () => {
  const { writer, columns, slotOf } = openStage();
  const old = buildRow('s', { url: 'http://old:8080', cpu: 0.9, state: 'down' });
  const urls = () => writer.hosts().map(({ url }) => url);
  writer.setStatics([STATIC]);
  assert.equal(named(writer.apply(buildTable(1, 1, [old, buildRow('x')]), 0, true)), { added: ['x'], removed: [] });
  assert.equal(urls(), [STATIC.url, 'http://x:8080']);
  assert.equal([columns.state[slotOf('s')], columns.cpu[slotOf('s')]], [0, Number.NaN], 'nor is anything of the old one believed');
  assert.equal(
    writer.rows(0).map(({ name }) => name),
    ['x'],
    'nor handed to a new master',
  );
  writer.apply(buildChange(1, 2, [old]), 0);
  assert.equal(urls(), ['http://old:8080', 'http://x:8080'], 'the master knows what the others name');
  assert.equal(named(writer.apply(buildChange(1, 3, [], ['s']), 0)), { added: ['s'], removed: [] });
  assert.equal(urls(), [STATIC.url, 'http://x:8080']);
  columns.known.fill(1);
  assert.equal(
    named(writer.admitKnown()),
    { added: [], removed: ['s', 's'] },
    'the addresses before leave once the traffic thread knows this one',
  );
});

test('a full table of the same master removes at once what it does not name', () => {
  const { writer } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('a'), buildRow('b')]), 0);
  assert.equal(named(writer.apply(buildTable(1, 2, [buildRow('b')]), 10)).removed, ['a']);
  assert.equal(names(writer), ['b']);
});

test('a partial table removes only hosts that it lists as gone', () => {
  const { writer } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('a'), buildRow('b'), buildRow('c')]), 0);
  assert.equal(named(writer.apply(buildChange(1, 2, [buildRow('b')], ['c', 'nobody', 'c']), 10)).removed, ['c']);
  assert.equal(names(writer), ['a', 'b']);
});

test('hosts that a new master does not name are kept for 5 s and then removed', () => {
  const { writer } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('a'), buildRow('b'), buildRow('c')]), 0);
  assert.equal(named(writer.apply(buildTable(2, 1, [buildRow('c')]), 1000)).removed, []);
  assert.equal(names(writer), ['a', 'b', 'c']);
  assert.equal(named(writer.sweepOrphans(5999)).removed, []);
  assert.equal(named(writer.sweepOrphans(6000)).removed, ['a', 'b']);
  assert.equal(named(writer.sweepOrphans(60_000)).removed, []);
  assert.equal(names(writer), ['c']);
});

test('an orphan that the new master learns of in time is kept', () => {
  const { writer } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('a'), buildRow('b')]), 0);
  writer.apply(buildTable(2, 1, []), 1000);
  writer.apply(buildChange(2, 2, [buildRow('a')]), 3000);
  assert.equal(named(writer.sweepOrphans(9000)).removed, ['b']);
  assert.equal(names(writer), ['a']);
});

test("a second full table of the new master does not shorten an orphan's grace period", () => {
  const { writer } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('a'), buildRow('b')]), 0);
  writer.apply(buildTable(2, 1, []), 1000);
  assert.equal(named(writer.apply(buildTable(2, 5, [buildRow('b')]), 2000)).removed, []);
  assert.equal(named(writer.apply(buildTable(2, 6, []), 3000)).removed, ['b'], 'b was named by this master, and is no orphan');
  assert.equal(named(writer.sweepOrphans(5999)).removed, []);
  assert.equal(named(writer.sweepOrphans(6000)).removed, ['a']);
});

test('an orphan that the new master lists as gone is removed at once', () => {
  const { writer } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('a')]), 0);
  writer.apply(buildTable(2, 1, []), 1000);
  assert.equal(named(writer.apply(buildChange(2, 2, [], ['a']), 1500)).removed, ['a']);
});

test('a static host that a new master does not name is kept for good', () => {
  const { writer } = openStage();
  writer.setStatics([STATIC]);
  writer.apply(buildTable(1, 1, [buildRow('s')]), 0);
  writer.apply(buildTable(2, 1, []), 1000);
  assert.equal(named(writer.sweepOrphans(99_000)).removed, []);
  assert.equal(names(writer), ['s']);
});

test('a new master starts from the published rows, with current ages', () => {
  const { writer } = openStage();
  writer.setStatics([STATIC, { name: 'unpublished', url: 'http://u' }]);
  const rows = [
    buildRow('a', { cpu: 0.25, memory: null, cores: 1.5, ageMs: 400, inflight: 3, state: 'silent' }),
    buildRow('s', { url: STATIC.url, cpu: null, memory: null, cores: null, ageMs: null, isStatic: true }),
  ];
  writer.apply(buildTable(1, 1, rows), 1000);
  const told = writer.rows(3000).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  assert.equal(told, [{ ...rows[0], ageMs: 2400 }, rows[1]]);
});

test('counters live in shared memory and are read by name, only those above 0', () => {
  const { counters, buffer } = openTable(createTable(1));
  const count = counterOf(counters);
  count('requests');
  count('requests', 41);
  count('tables_gaps');
  assert.equal(readCounters(openTable(buffer).counters), { requests: 42, tables_gaps: 1 });
  for (const name of COUNTERS) count(name, 1000);
  assert.is(Object.keys(readCounters(counters)).length, COUNTERS.length);
});

test.run();
