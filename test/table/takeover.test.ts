// A restarted fleet thread allocates the free slots, and no others: the hosts that are known, which outlives it, tells it
// which are in use. The traffic side is real; only the threads are missing.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { InFlight } from '../../lib/traffic/host/in-flight.js';
import type { Host } from '../../lib/traffic/host/host.js';
import { counterOf } from '../../lib/table/counters.js';
import { type SlotChange, TableWriter } from '../../lib/table/writer.js';
import { buildChange, buildRow, buildTable } from '../support/host-rows.js';
import { buildTrafficStage, type TrafficStage } from '../support/traffic-context.js';

const test = suite('takeover');

interface Stage {
  readonly traffic: TrafficStage;
  /** Replaces the fleet thread; the previous one just ends. */
  startAgain(): void;
  /** Applies a table of the master; the traffic thread receives the change and answers at once. */
  apply(rows: readonly string[], gone?: readonly string[]): void;
  /** The same, but the fleet thread dies before it receives the answer. */
  applyAndDie(rows: readonly string[], gone?: readonly string[]): void;
  /** The hosts as the fleet thread has them, as `name url slot`. */
  table(): string[];
}

/** A table of 8 slots, its hosts, and a fleet thread; rows are `name` or `name url`. */
function withStage(fn: (stage: Stage) => void): void {
  const traffic = buildTrafficStage(() => 0);
  const { columns, hosts, said } = traffic;
  let seq = 1;
  let taken = 0;
  const start = (): TableWriter => {
    // Messages to the previous thread are lost.
    taken = said.length;
    return new TableWriter(columns, counterOf(columns.counters), undefined, hosts.known(), hosts.leaving());
  };
  const hear = ({ added, removed }: SlotChange): void => {
    for (const { slot } of removed) hosts.remove(slot);
    for (const host of added) hosts.add(host);
  };
  const settle = (): void => {
    hear(writer.admitKnown());
    for (const each of said.slice(taken)) if (each.startsWith('released ')) writer.release(Number(each.slice(9)));
    taken = said.length;
  };
  const say = (rows: readonly string[], gone: readonly string[] = []): void =>
    hear(
      writer.apply(
        buildChange(
          1,
          ++seq,
          rows.map((row) => buildRow(row.split(' ')[0] as string, { url: row.split(' ')[1] ?? 'http://host:8080' })),
          gone,
        ),
        0,
      ),
    );
  let writer = start();
  hear(writer.apply(buildTable(1, 1, []), 0));
  try {
    fn({
      traffic,
      startAgain() {
        writer = start();
        settle();
      },
      apply(rows, gone) {
        say(rows, gone);
        settle();
      },
      applyAndDie(rows, gone) {
        say(rows, gone);
        writer = start();
        settle();
      },
      table: () =>
        writer
          .hosts()
          .map(({ name, url, slot }) => `${name} ${url} ${slot}`)
          .toSorted(),
    });
  } finally {
    traffic.stop();
  }
}

const hostOf = (traffic: TrafficStage, slot: number) => traffic.hosts.get(slot) as Host;

test('slots that were free before a fleet thread died are allocated by the next one', () =>
  withStage(({ apply, startAgain, table, traffic }) => {
    // As often as there are slots: none is lost by a restart.
    for (let restart = 0; restart < 8; restart++) {
      apply(['a', 'b', 'c']);
      apply([], ['a', 'b']);
      startAgain();
      apply(['d']);
      const slots = table().map((each) => Number(each.at(-1)));
      assert.ok(
        slots.every((slot) => slot <= 2),
        `no slot beyond those of the first three hosts: ${slots.join()}`,
      );
      apply([], ['c', 'd']);
    }
    apply(Array.from({ length: 8 }, (_, i) => `h${i}`));
    assert.is(table().length, 8);
    assert.is(traffic.counts().hosts_dropped_full, undefined);
  }));

test('after a restart, a slot with requests in flight of a host that left is not free until they have ended', () =>
  withStage(({ apply, startAgain, table, traffic }) => {
    apply(['a', 'b']);
    const host = hostOf(traffic, 0);
    const attempt = {} as InFlight;
    traffic.hosts.begin(host, attempt);
    apply([], ['a']);
    startAgain();
    apply(['c']);
    assert.equal(table(), ['b http://host:8080 1', 'c http://host:8080 2']);
    traffic.hosts.end(host, attempt, 'ok', 200);
    apply(['d']);
    apply(['e']);
    assert.equal(table(), ['b http://host:8080 1', 'c http://host:8080 2', 'd http://host:8080 3', 'e http://host:8080 0']);
  }));

test('a slot that is released while no fleet thread runs is free for the next one', () =>
  withStage(({ apply, startAgain, table, traffic }) => {
    apply(['a', 'b']);
    const host = hostOf(traffic, 0);
    const attempt = {} as InFlight;
    traffic.hosts.begin(host, attempt);
    apply([], ['a']);
    traffic.hosts.end(host, attempt, 'ok', 200);
    startAgain();
    apply(['c']);
    assert.equal(table(), ['b http://host:8080 1', 'c http://host:8080 0']);
  }));

for (const before of [
  ['a', 'b'],
  ['b', 'a'],
]) {
  test(`a host that moves while the fleet thread dies ends up at its new address only (${before.join(', ')})`, () =>
    withStage(({ apply, applyAndDie, table, traffic }) => {
      // The new address has a lower slot than the old one, or a higher one.
      for (const name of before) apply([`${name} http://old:8080`]);
      apply([], ['b']);
      applyAndDie(['a http://new:8080']);
      assert.equal(
        table().map((each) => each.slice(0, -2)),
        ['a http://new:8080'],
      );
      assert.equal(
        traffic.hosts.known().map(({ url }) => url),
        ['http://new:8080'],
        'the old address has left',
      );
      apply(Array.from({ length: 7 }, (_, i) => `h${i}`));
      assert.is(traffic.counts().hosts_dropped_full, undefined, 'and its slot is free');
    }));
}

test.run();
