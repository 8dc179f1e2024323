// The shared host table: how its writer applies the master's tables, and that a reader of the same memory sees it at
// once. Time is an argument; the candidate list is checked by names.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CounterName, counterOf, readCounters } from '../../lib/table/counters.js';
import { FLEET } from '../../lib/model.js';
import { createTable, openTable } from '../../lib/table/layout.js';
import { TableReader } from '../../lib/table/reader.js';
import type { SlotHost } from '../../lib/table/slots.js';
import { type SlotChange, TableWriter } from '../../lib/table/writer.js';
import { buildChange, buildRow, buildTable, mastershipOf } from '../support/host-rows.js';

const test = suite('table');

/** A table with its writer, and a reader with its own views, as in another thread. */
function openStage(
  options: { capacity?: number; known?: readonly SlotHost[]; leaving?: readonly number[]; buffer?: SharedArrayBuffer } = {},
) {
  const buffer = options.buffer ?? createTable(options.capacity ?? 64);
  const columns = openTable(buffer);
  columns.known.fill(1);
  const writer = new TableWriter(columns, counterOf(columns.counters), undefined, options.known, options.leaving);
  const reader = new TableReader(openTable(buffer));
  const count = (name: CounterName) => readCounters(columns.counters)[name] ?? 0;
  const slotOf = (name: string) => writer.hosts().find((host) => host.name === name)?.slot ?? -1;
  const candidates = (nowMs = 0) => {
    writer.rebuildCandidates(nowMs);
    const list = reader.candidates();
    const names = new Map(writer.hosts().map(({ slot, name }) => [slot, name]));
    return [...list.subarray(1, 1 + (list[0] as number))].map((slot) => names.get(slot) ?? `slot ${slot}`).toSorted();
  };
  return { buffer, columns, writer, reader, count, slotOf, candidates };
}

const named = ({ added, removed }: SlotChange) => ({ added: added.map(({ name }) => name), removed: removed.map(({ name }) => name) });
const names = (writer: TableWriter) =>
  writer
    .hosts()
    .map(({ name }) => name)
    .toSorted();

test('hosts get slots of their own, which they keep from table to table', () => {
  const { writer, slotOf } = openStage();
  const change = writer.apply(
    buildTable(
      1,
      1,
      ['a', 'b', 'c'].map((name) => buildRow(name)),
    ),
    0,
  );
  assert.equal(named(change), { added: ['a', 'b', 'c'], removed: [] });
  const slots = ['a', 'b', 'c'].map(slotOf);
  assert.is(new Set(slots).size, 3);
  assert.equal(named(writer.apply(buildChange(1, 2, [buildRow('b', { cpu: 0.9 })]), 10)), { added: [], removed: [] });
  writer.apply(
    buildTable(
      1,
      3,
      ['c', 'b', 'a'].map((name) => buildRow(name)),
    ),
    20,
  );
  assert.equal(['a', 'b', 'c'].map(slotOf), slots);
  assert.equal(writer.stamp, { term: 1, mastership: mastershipOf(1), seq: 3 });
});

test('a slot is reused only after its release', () => {
  const { writer, slotOf } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('a'), buildRow('b')]), 0);
  const old = slotOf('a');
  const [removed] = writer.apply(buildChange(1, 2, [], ['a']), 0).removed;
  assert.equal(removed, { slot: old, name: 'a', url: 'http://a:8080' });
  writer.apply(buildChange(1, 3, [buildRow('c')]), 0);
  assert.is.not(slotOf('c'), old);
  // A host that comes back before the release is a new one, too.
  writer.apply(buildChange(1, 4, [buildRow('a')]), 0);
  assert.is.not(slotOf('a'), old);
  writer.release(old);
  writer.apply(buildChange(1, 5, [buildRow('d')]), 0);
  assert.is(slotOf('d'), old);
});

test('a reused slot shows nothing of its previous host', () => {
  const { writer, columns, slotOf } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('a', { cpu: 0.9, memory: 0.9, inflight: 7, state: 'down' })]), 0);
  const slot = slotOf('a');
  writer.apply(buildChange(1, 2, [], ['a']), 0);
  columns.warmSince[slot] = 1e9;
  writer.release(slot);
  writer.setStatics([{ name: 's', url: 'http://s' }]);
  assert.is(slotOf('s'), slot);
  const figures = [columns.cpu, columns.memory, columns.cores, columns.usage, columns.reportedAt].map((column) => column[slot]);
  assert.ok(figures.every(Number.isNaN), figures.join());
  assert.equal([columns.fleetInflight[slot], columns.state[slot]], [0, 0]);
  assert.equal([columns.warmSince[slot], columns.operator[slot]], [0, 0]);
});

test('a host whose URL changed is a new host: it gets a new slot, and the old one is released once the traffic thread knows the new one', () => {
  const { writer, slotOf } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('a')]), 0);
  const old = slotOf('a');
  const change = writer.apply(buildChange(1, 2, [buildRow('a', { url: 'http://a:81' })]), 0);
  assert.is.not(slotOf('a'), old);
  assert.equal(change.removed, []);
  assert.equal(writer.admitKnown().removed, [{ slot: old, name: 'a', url: 'http://a:8080' }]);
  assert.equal(change.added, [{ slot: slotOf('a'), name: 'a', url: 'http://a:81' }]);
});

test('figures are written to their columns, and ages are counted back from the arrival', () => {
  const { writer, columns, slotOf } = openStage();
  writer.apply(
    buildTable(1, 1, [
      buildRow('a', { cpu: 0.25, memory: 0.9, cores: 2, ageMs: 700, inflight: 9 }),
      buildRow('b', { cpu: null, memory: null, cores: null, ageMs: null, state: 'silent' }),
    ]),
    10_000,
  );
  const [a, b] = [slotOf('a'), slotOf('b')];
  assert.equal([columns.cpu[a], columns.memory[a], columns.cores[a], columns.reportedAt[a]], [0.25, 0.9, 2, 9300]);
  assert.ok(Math.abs((columns.usage[a] as number) - 0.75) < 1e-9);
  assert.equal([columns.fleetInflight[a], columns.state[a], columns.state[b]], [9, 0, 1]);
  assert.ok([columns.cpu, columns.memory, columns.cores, columns.usage, columns.reportedAt].every((column) => Number.isNaN(column[b])));
});

test('figures alone leave the rest of a row unchanged, and add no host', () => {
  const { writer, columns, slotOf } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('a', { inflight: 9, state: 'silent', capacity: 3 })]), 0);
  const figures = [
    { name: 'a', cpu: 0.25, memory: 0.9, cores: 2, ageMs: 700 },
    { name: 'stranger', cpu: 0.5, memory: null, cores: null, ageMs: null },
  ];
  const change = writer.apply({ ...buildChange(1, 2, []), figures }, 10_000);
  assert.equal(change, { added: [], removed: [] });
  const a = slotOf('a');
  assert.equal([columns.cpu[a], columns.memory[a], columns.cores[a], columns.reportedAt[a]], [0.25, 0.9, 2, 9300]);
  assert.ok(Math.abs((columns.usage[a] as number) - 0.75) < 1e-9);
  assert.equal([columns.fleetInflight[a], columns.capacity[a], columns.state[a]], [9, 3, 1]);
});

test('an empty table has no candidates', () => {
  assert.equal(openStage().candidates(), []);
});

test('the list is outdated after each change of hosts or states, and after no other', () => {
  const { writer } = openStage();
  const isOldAfter = (run: () => void) => {
    writer.rebuildCandidates(0);
    assert.is(writer.isListOld, false);
    run();
    return writer.isListOld;
  };
  assert.is(
    isOldAfter(() => writer.apply(buildTable(1, 1, [buildRow('a')]), 0)),
    true,
  );
  assert.is(
    isOldAfter(() => writer.apply(buildChange(1, 2, [buildRow('a', { cpu: 0.1, inflight: 3 })]), 0)),
    false,
  );
  assert.is(
    isOldAfter(() => writer.apply(buildChange(1, 3, [buildRow('a', { state: 'down' })]), 0)),
    true,
  );
  assert.is(
    isOldAfter(() => writer.setStatics([{ name: 's', url: 'http://s' }])),
    true,
  );
  assert.is(
    isOldAfter(() => writer.apply(buildChange(1, 4, [], ['a']), 0)),
    true,
  );
  assert.is(
    isOldAfter(() => writer.apply(buildChange(1, 5, [], ['nobody']), 0)),
    false,
  );
});

test("a reader sees the writer's list by an atomic switch, and the list it took stays intact", () => {
  const { writer, reader } = openStage();
  writer.apply(buildTable(1, 1, [buildRow('a'), buildRow('b')]), 0);
  assert.is(reader.candidates()[0], 0);
  writer.rebuildCandidates(0);
  const taken = reader.candidates();
  assert.is(taken[0], 2);
  const before = [...taken.subarray(0, 3)];
  writer.apply(buildChange(1, 2, [buildRow('c'), buildRow('d')], ['a']), 0);
  assert.is(reader.candidates(), taken);
  writer.rebuildCandidates(0);
  assert.equal([...taken.subarray(0, 3)], before);
  assert.is(reader.candidates()[0], 3);
  writer.rebuildCandidates(0);
  assert.is(reader.candidates()[0], 3);
});

test("a host beyond the table's size is left out and counted, and added once a slot is released", () => {
  const { writer, count, slotOf, candidates } = openStage({ capacity: 3 });
  writer.apply(
    buildTable(
      1,
      1,
      Array.from({ length: 5 }, (_, i) => buildRow(`h${i}`)),
    ),
    0,
  );
  assert.equal(names(writer), ['h0', 'h1', 'h2']);
  assert.is(count('hosts_dropped_full'), 2);
  assert.equal(candidates(), ['h0', 'h1', 'h2']);
  const free = slotOf('h1');
  writer.apply(buildChange(1, 2, [], ['h1']), 0);
  writer.release(free);
  writer.apply(buildChange(1, 3, [buildRow('h4')]), 0);
  assert.is(slotOf('h4'), free);
  assert.is(count('hosts_dropped_full'), 2);
});

test('a writer that takes over knows the hosts and the stamp, and allocates no slot twice', () => {
  const first = openStage();
  first.writer.apply(
    buildTable(
      4,
      7,
      ['a', 'b', 'c'].map((name) => buildRow(name, { cpu: 0.75 })),
    ),
    0,
  );
  first.writer.refreshNeutral(0);
  const leaving = [first.slotOf('b')];
  first.writer.apply(buildChange(4, 8, [], ['b']), 0);
  const known = first.writer.hosts();
  const next = openStage({ buffer: first.buffer, known, leaving });
  assert.equal(next.writer.stamp, { term: 4, mastership: '', seq: 8 }, 'whose it is a new thread cannot know');
  assert.is(next.reader.fleet[FLEET.neutralUsage], 0.75);
  assert.equal(next.candidates(), ['a', 'c']);
  const change = next.writer.apply(buildTable(4, 9, [buildRow('a'), buildRow('d')]), 0);
  assert.equal(named(change), { added: ['d'], removed: ['c'] });
  assert.is(next.slotOf('a'), known.find(({ name }) => name === 'a')?.slot);
  assert.is(next.slotOf('d'), 3);
});

test('the neutral usage is the median of the figures that are not stale', () => {
  const { writer, reader } = openStage();
  assert.is(reader.fleet[FLEET.neutralUsage], 0.5);
  const row = (name: string, cpu: number | null, ageMs: number | null) => buildRow(name, { cpu, ageMs, memory: null });
  writer.apply(
    buildTable(1, 1, [row('a', 0.1, 0), row('b', 0.2, 0), row('c', 0.9, 0), row('d', null, 0), row('e', 1, null), row('f', 1, 10_000)]),
    50_000,
  );
  writer.refreshNeutral(50_000);
  assert.is(reader.fleet[FLEET.neutralUsage], 0.2);
  writer.apply(buildChange(1, 2, [row('e', 0.4, 0)]), 50_000);
  writer.refreshNeutral(50_000);
  assert.ok(Math.abs((reader.fleet[FLEET.neutralUsage] as number) - 0.3) < 1e-12);
  writer.refreshNeutral(60_000);
  assert.is(reader.fleet[FLEET.neutralUsage], 0.5);
});

test('columns of one table do not overlap, whatever its size', () => {
  for (const capacity of [1, 2, 3, 7, 64, 1000]) {
    const columns = openTable(createTable(capacity));
    assert.is(columns.slots, capacity);
    const { buffer: _, slots: __, lists, ...single } = columns;
    const views = [...Object.values(single), ...lists];
    const ranges = views.map(({ byteOffset, byteLength }) => [byteOffset, byteOffset + byteLength] as const).toSorted(([a], [b]) => a - b);
    for (const [i, [start]] of ranges.entries()) assert.ok(i === 0 || start >= (ranges[i - 1]?.[1] ?? 0));
    assert.is(ranges.at(-1)?.[1], columns.buffer.byteLength);
  }
});

test.run();
