// The order of the master's tables: which are old, which are missing, and which are replayed after a snapshot. The
// property test at the end: however many messages are lost, the last snapshot makes the tables equal.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type OrderOutcome, TableOrder } from '../../lib/fleet/table-order.js';
import type { HostRow, HostTable, Stamp } from '../../lib/model.js';
import { Random } from '../../lib/routing/random.js';
import { isNewer, isPlausibleSeq } from '../../lib/table/stamp.js';
import { mastershipOf } from '../support/host-rows.js';

const test = suite('table order');

const stampOf = (term: number, seq: number, mastership = term === 0 ? '' : mastershipOf(term)): Stamp => ({ term, mastership, seq });

const part = (term: number, seq: number, previousSeq = seq - 1): HostTable => ({
  stamp: stampOf(term, seq),
  isFull: false,
  previousSeq,
  hosts: [],
  figures: [],
  loads: [],
  acks: [],
  costs: null,
  gone: [],
});
const full = (term: number, seq: number): HostTable => ({
  stamp: stampOf(term, seq),
  isFull: true,
  previousSeq: seq,
  hosts: [],
  figures: [],
  loads: [],
  acks: [],
  costs: null,
  gone: [],
});

/** An outcome as text: `apply 1.2 1.3`, `old`, `gap`. */
const textOf = (outcome: OrderOutcome): string =>
  [outcome.kind, ...(outcome.kind === 'apply' ? outcome.tables.map(({ stamp }) => `${stamp.term}.${stamp.seq}`) : [])].join(' ');

/** An order that has applied the full table (term, seq). */
function orderAt(term: number, seq: number): TableOrder {
  const order = new TableOrder(stampOf(0, 0));
  assert.is(textOf(order.onMessage(full(term, seq))), `apply ${term}.${seq}`);
  return order;
}

test('stamps are ordered by term, then by seq', () => {
  const stamps: Stamp[] = [stampOf(1, 9), stampOf(2, 1), stampOf(2, 2), stampOf(10, 0)];
  for (const [i, a] of stamps.entries()) for (const [j, b] of stamps.entries()) assert.is(isNewer(a, b), i > j);
});

test('a balancer that has seen a newer term drops what the deposed master publishes, and takes its snapshot', () => {
  let highest = 1;
  const order = new TableOrder(stampOf(0, 0), () => highest);
  assert.is(textOf(order.onMessage(full(1, 1))), 'apply 1.1');
  highest = 2;
  assert.equal(
    [part(1, 2), full(1, 3)].map((table) => textOf(order.onMessage(table))),
    ['old', 'old'],
  );
  assert.is(order.isBehind, false);
  assert.is(textOf(order.onSnapshot(full(1, 4))), 'apply 1.4');
  assert.is(textOf(order.onMessage(full(2, 1))), 'apply 2.1');
});

test('messages in order are applied one by one', () => {
  const order = orderAt(1, 1);
  assert.equal(
    [part(1, 2), part(1, 3), full(1, 4), part(1, 5)].map((table) => textOf(order.onMessage(table))),
    ['apply 1.2', 'apply 1.3', 'apply 1.4', 'apply 1.5'],
  );
  assert.is(order.isBehind, false);
});

test('a message that skips numbers but names the previous one is in order', () => {
  assert.is(textOf(orderAt(1, 1).onMessage(part(1, 7, 1))), 'apply 1.7');
});

test('duplicates and older messages are old, full or partial, from the channel or as a snapshot', () => {
  const order = orderAt(2, 5);
  for (const table of [full(2, 5), part(2, 5), part(2, 4), full(2, 4), full(1, 99), part(1, 99)]) {
    assert.is(textOf(order.onMessage(table)), 'old');
    if (table.isFull) assert.is(textOf(order.onSnapshot(table)), 'old');
  }
  assert.is(order.isBehind, false);
});

test('an older master that resumes is ignored', () => {
  const order = orderAt(1, 10);
  assert.is(textOf(order.onMessage(full(2, 1))), 'apply 2.1');
  assert.is(textOf(order.onMessage(part(1, 11))), 'old');
  assert.is(textOf(order.onMessage(full(1, 12))), 'old');
  assert.is(textOf(order.onMessage(part(2, 2))), 'apply 2.2');
});

test('messages after a gap are held, and replayed once the snapshot arrives', () => {
  const order = orderAt(1, 1);
  assert.is(textOf(order.onMessage(part(1, 3))), 'gap');
  assert.is(order.isBehind, true);
  assert.is(textOf(order.onMessage(part(1, 4))), 'gap');
  assert.is(textOf(order.onMessage(part(1, 5))), 'gap');
  assert.is(textOf(order.onSnapshot(full(1, 3))), 'apply 1.3 1.4 1.5');
  assert.is(order.isBehind, false);
  assert.is(textOf(order.onMessage(part(1, 6))), 'apply 1.6');
});

test('a snapshot older than what is held does not close the gap; a later one does', () => {
  const order = orderAt(1, 1);
  order.onMessage(part(1, 5));
  assert.is(textOf(order.onSnapshot(full(1, 2))), 'apply 1.2');
  assert.is(order.isBehind, true);
  assert.is(textOf(order.onSnapshot(full(1, 2))), 'old');
  assert.is(order.isBehind, true);
  assert.is(textOf(order.onSnapshot(full(1, 4))), 'apply 1.4 1.5');
  assert.is(order.isBehind, false);
});

test('a snapshot newer than the held messages discards them', () => {
  const order = orderAt(1, 1);
  order.onMessage(part(1, 3));
  order.onMessage(part(1, 4));
  assert.is(textOf(order.onSnapshot(full(1, 9))), 'apply 1.9');
  assert.is(order.isBehind, false);
});

test('a full table on the channel closes a gap like a snapshot', () => {
  const order = orderAt(1, 1);
  order.onMessage(part(1, 3));
  assert.is(textOf(order.onMessage(full(1, 4))), 'apply 1.4');
  assert.is(order.isBehind, false);
});

test('a late message that fills the gap is followed by the held ones', () => {
  const order = orderAt(1, 1);
  order.onMessage(part(1, 3));
  assert.is(textOf(order.onMessage(part(1, 2))), 'apply 1.2 1.3');
});

test('held messages that arrived twice or out of order are applied once and in order', () => {
  const order = orderAt(1, 1);
  for (const seq of [5, 4, 5, 4, 3]) assert.is(textOf(order.onMessage(part(1, seq))), 'gap');
  assert.is(textOf(order.onSnapshot(full(1, 2))), 'apply 1.2 1.3 1.4 1.5');
  assert.is(order.isBehind, false, 'nothing is missing, so no snapshot is needed');
});

test('a partial table of a new master waits for a full one', () => {
  const order = orderAt(1, 5);
  assert.is(textOf(order.onMessage(part(2, 6, 5))), 'gap');
  assert.is(textOf(order.onMessage(part(1, 6))), 'apply 1.6');
  assert.is(order.isBehind, true);
  assert.is(textOf(order.onSnapshot(full(2, 5))), 'apply 2.5 2.6');
});

test('a newly started balancer waits for a full table', () => {
  const order = new TableOrder(stampOf(0, 0));
  assert.is(textOf(order.onMessage(part(3, 1, 0))), 'gap');
  assert.is(textOf(order.onSnapshot(full(3, 1))), 'apply 3.1');
});

test('tables of two masterships in one term have no order: the applied one stays in force', () => {
  const rival = (isFull: boolean, seq: number): HostTable => ({
    ...(isFull ? full(2, seq) : part(2, seq)),
    stamp: stampOf(2, seq, mastershipOf(99)),
  });
  const order = orderAt(2, 5);
  for (const table of [rival(true, 1), rival(true, 900), rival(false, 6)]) assert.is(textOf(order.onMessage(table)), 'rival');
  assert.is(textOf(order.onSnapshot(rival(true, 900))), 'rival');
  assert.is(order.isBehind, false);
  assert.equal(
    [part(2, 6), full(3, 1)].map((table) => textOf(order.onMessage(table))),
    ['apply 2.6', 'apply 3.1'],
  );
  assert.is(isNewer(stampOf(2, 9, mastershipOf(99)), stampOf(2, 1)), false);
});

test('a table whose seq is further ahead than a master can count is rejected', () => {
  for (const [seq, sinceMs, isBelieved] of [
    [1001, 0, true],
    [11_000, 0, true],
    [11_001, 0, false],
    [16_000, 5000, true],
    [2 ** 50, 60_000, false],
  ] as const) {
    assert.is(isPlausibleSeq(stampOf(2, seq), stampOf(2, 1000), sinceMs), isBelieved, `${seq} after ${sinceMs} ms`);
  }
  assert.ok(isPlausibleSeq(stampOf(3, 2 ** 40), stampOf(2, 1000), 0), 'nothing is known of another mastership');
});

test("once the applied table turns out not to be a master's, the stored one is applied whatever its seq", () => {
  const order = orderAt(2, 10_500);
  order.onMessage(part(2, 10_700));
  assert.is(textOf(order.onSnapshot(full(2, 40))), 'old');
  assert.is(textOf(order.restart(full(2, 40))), 'apply 2.40');
  assert.is(textOf(order.onMessage(part(2, 41))), 'apply 2.41');
});

test('a restarted thread continues from the stamp in the table', () => {
  const order = new TableOrder(stampOf(3, 7));
  assert.is(textOf(order.onMessage(part(3, 7))), 'old');
  assert.is(textOf(order.onMessage(part(3, 8))), 'apply 3.8');
});

test('a gap that is never closed holds a bounded number of messages', () => {
  const order = orderAt(1, 1);
  for (let seq = 3; seq < 5000; seq++) order.onMessage(part(1, seq));
  const outcome = order.onSnapshot(full(1, 3999));
  assert.is(textOf(outcome).split(' ').length - 1, 1 + 1000);
  // A later snapshot makes up for those that were dropped.
  const again = orderAt(1, 1);
  for (let seq = 3; seq < 5000; seq++) again.onMessage(part(1, seq));
  assert.is(textOf(again.onSnapshot(full(1, 100))), 'apply 1.100');
  assert.is(again.isBehind, true);
  assert.is(textOf(again.onSnapshot(full(1, 4999))), 'apply 1.4999');
  assert.is(again.isBehind, false);
});

type State = Map<string, number>;

/** A master that changes its table at random and publishes the changes; now and then a new one takes over. */
class Master {
  readonly state: State = new Map();
  stamp: Stamp = stampOf(1, 0);

  next(random: Random): HostTable {
    const isNewMaster = random.below(60) === 0;
    const isFull = isNewMaster || this.stamp.seq === 0 || random.below(40) === 0;
    const gone: string[] = [];
    const changed: string[] = [];
    for (let i = random.below(4); i > 0; i--) {
      const name = `h${random.below(30)}`;
      if (gone.includes(name) || changed.includes(name)) continue;
      if (this.state.has(name) && random.below(3) === 0) {
        this.state.delete(name);
        gone.push(name);
      } else {
        this.state.set(name, random.below(1000));
        changed.push(name);
      }
    }
    const previousSeq = this.stamp.seq;
    this.stamp = isNewMaster ? stampOf(this.stamp.term + 1, 1) : stampOf(this.stamp.term, previousSeq + 1);
    return { ...this.table(isFull ? [...this.state.keys()] : changed), isFull, previousSeq: isFull ? this.stamp.seq : previousSeq, gone };
  }

  table(names: readonly string[] = [...this.state.keys()]): HostTable {
    const hosts = names.map((name) => ({ name, inflight: this.state.get(name) }) as HostRow);
    return { stamp: this.stamp, isFull: true, previousSeq: this.stamp.seq, hosts, figures: [], loads: [], acks: [], costs: null, gone: [] };
  }
}

function applyTo(state: State, outcome: OrderOutcome, applied: Stamp[]): void {
  for (const table of outcome.kind === 'apply' ? outcome.tables : []) {
    const last = applied.at(-1);
    assert.ok(last === undefined || isNewer(table.stamp, last), 'a stamp went backwards');
    applied.push(table.stamp);
    if (table.isFull) state.clear();
    for (const { name, inflight } of table.hosts) state.set(name, inflight);
    for (const name of table.gone) state.delete(name);
  }
}

test("after any loss, duplication or delay, the table equals the master's whenever nothing is missing", () => {
  let [equal, gaps] = [0, 0];
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const [master, order, state, applied] = [new Master(), new TableOrder(stampOf(0, 0)), new Map() as State, [] as Stamp[]];
    const lossOneIn = 2 + random.below(30);
    let [stored, late] = [master.next(random), undefined as HostTable | undefined];
    for (let i = 0; i < 300; i++) {
      const message = master.next(random);
      if (random.below(5) === 0) stored = master.table();
      const isLost = random.below(lossOneIn) === 0;
      for (const table of isLost ? [] : [message, ...(random.below(10) === 0 ? [message] : []), ...(late ? [late] : [])]) {
        const outcome = order.onMessage(table);
        if (outcome.kind === 'gap') gaps++;
        applyTo(state, outcome, applied);
      }
      if (!isLost) late = undefined;
      else if (random.below(2) === 0) late = message;
      if (order.isBehind && random.below(3) === 0) applyTo(state, order.onSnapshot(stored), applied);
      const last = applied.at(-1);
      if (last?.term === master.stamp.term && last.seq === master.stamp.seq) {
        equal++;
        assert.equal(state, master.state, `seed ${seed}, message ${i}`);
        assert.is(order.isBehind, false, `seed ${seed}: nothing is missing`);
      }
    }
    applyTo(state, order.onMessage(master.next(random)), applied);
    applyTo(state, order.onSnapshot(master.table()), applied);
    assert.equal(state, master.state, `seed ${seed}`);
    assert.is(order.isBehind, false);
  }
  assert.ok(equal > 10_000 && gaps > 1000, `${equal} comparisons, ${gaps} gaps`);
});

test.run();
