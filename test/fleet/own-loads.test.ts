// Our own requests within the fleet's: through lost, duplicate and late messages and changes of master, a pick's sum of
// the others' load and our current one counts every request once. The master here is the real one.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FleetLoads } from '../../lib/hosts/fleet-loads.js';
import { FLEET, type HostTable, type LoadMessage } from '../../lib/model.js';
import { Random } from '../../lib/routing/random.js';
import { counterOf } from '../../lib/table/counters.js';
import { createTable, openTable, type TableColumns, WIDE_HEADER } from '../../lib/table/layout.js';
import { OwnLoads } from '../../lib/fleet/own-loads.js';
import { TableWriter } from '../../lib/table/writer.js';
import { buildRow, buildTable, mastershipOf } from '../support/host-rows.js';

const test = suite('own loads');

const NAMES = ['h0', 'h1', 'h2', 'h3'];

interface Balancer {
  readonly name: string;
  readonly columns: TableColumns;
  readonly writer: TableWriter;
  readonly loads: OwnLoads;
}

function startBalancer(name: string): Balancer {
  const columns = openTable(createTable(8));
  columns.known.fill(1);
  const writer = new TableWriter(columns, counterOf(columns.counters));
  writer.apply(
    buildTable(
      1,
      1,
      NAMES.map((host) => buildRow(host)),
    ),
    0,
  );
  return { name, columns, writer, loads: new OwnLoads(columns, name, `${name}-i`, [], 1001) };
}

/** Adds or removes a request in flight with this much work. */
function change({ columns }: Balancer, slot: number, requests: 1 | -1, work: number): void {
  columns.awaited[slot] = (columns.awaited[slot] as number) + requests;
  columns.work[slot] = (columns.work[slot] as number) + requests * work;
}

const hostsOf = ({ writer }: Balancer) => writer.hosts();

/** The master's answer to the messages it took. */
function tableOf(master: FleetLoads, seq: number, term = 1): HostTable {
  const loads = NAMES.map((name) => {
    const { inflight, work, capacity, speed, longLived } = master.of(name);
    return { name, inflight, work, capacity, speed, longLived };
  });
  return {
    stamp: { term, mastership: mastershipOf(term), seq },
    isFull: false,
    previousSeq: seq - 1,
    hosts: [],
    figures: [],
    loads,
    acks: master.takeAcks(),
    costs: null,
    gone: [],
  };
}

function take(balancer: Balancer, table: HostTable, nowMs: number): void {
  balancer.writer.apply(table, nowMs);
  balancer.loads.onTable(table, hostsOf(balancer), nowMs);
}

/** The message a balancer sends now, to the master of its table. */
function say(balancer: Balancer, nowMs: number): LoadMessage {
  const message = balancer.loads.nextDue(hostsOf(balancer), balancer.writer.stamp.term, 20, nowMs);
  assert.ok(message !== undefined);
  return message as LoadMessage;
}

/** The load that a pick of this balancer sees. */
const seenBy = ({ columns }: Balancer, slot: number): [number, number] => [
  (columns.awaited[slot] as number) + (columns.othersInflight[slot] as number),
  (columns.work[slot] as number) + (columns.othersWork[slot] as number),
];

test('hosts that the balancer names anew are in its next message, which is full', () => {
  const balancer = startBalancer('one');
  assert.equal([say(balancer, 0).isFull, say(balancer, 20_000).statics], [true, []]);
  const statics = [{ name: 'api-10.0.0.7', url: 'https://10.0.0.7', authority: 'api.test' }];
  balancer.loads.setStatics(statics);
  const { isFull, statics: said } = say(balancer, 20_001);
  assert.equal([isFull, said], [true, statics]);
  change(balancer, 0, 1, 5);
  assert.is(say(balancer, 20_002).isFull, false, 'once');
});

test('requests sent after the message count once, and finished ones are subtracted', () => {
  const [one, two] = [startBalancer('one'), startBalancer('two')];
  const master = new FleetLoads();
  for (const each of [one, two]) {
    change(each, 0, 1, 5);
    master.take(say(each, 0), 0);
  }
  // Both happen while the master's answer is on its way.
  change(one, 0, 1, 20);
  change(two, 0, -1, 5);
  const table = tableOf(master, 2);
  take(one, table, 5);
  take(two, table, 5);
  assert.equal(seenBy(one, 0), [3, 30], 'its own two and the one that the other had');
  assert.equal(seenBy(two, 0), [1, 5], 'none of its own any more');
});

test("until the first acknowledgement nothing is subtracted from the fleet's figure", () => {
  const one = startBalancer('one');
  change(one, 1, 1, 5);
  say(one, 0);
  take(one, tableOf(new FleetLoads(), 2), 5);
  assert.equal(seenBy(one, 1), [1, 5]);
});

test('after a lost message the master acknowledges nothing until a full one arrives, which the balancer sends by itself', () => {
  const one = startBalancer('one');
  const master = new FleetLoads();
  master.take(say(one, 0), 0);
  take(one, tableOf(master, 2), 0);
  change(one, 0, 1, 5);
  assert.not(say(one, 20).isFull, 'this one is lost');
  /** Says something every 20 ms until everything is sent again. */
  const untilFull = (fromMs: number): [atMs: number, LoadMessage] => {
    for (let nowMs = fromMs; ; nowMs += 20) {
      change(one, 1, 1, 5);
      const message = say(one, nowMs);
      if (message.isFull) return [nowMs, message];
      master.take(message, nowMs);
      assert.equal(master.takeAcks(), []);
      assert.is(master.of('h0').inflight, 0, 'this is what was lost');
      assert.ok(nowMs < 5000);
    }
  };
  assert.is(untilFull(40)[0], 2000, 'two seconds after the last full one; this one is lost too');
  const [nowMs, message] = untilFull(2020);
  assert.is(nowMs, 4000);
  master.take(message, nowMs);
  take(one, tableOf(master, 3), nowMs);
  assert.equal([seenBy(one, 0)[0], seenBy(one, 1)[0]], [1, one.columns.awaited[1]]);
  for (let atMs = nowMs + 20; atMs < nowMs + 3000; atMs += 20) {
    change(one, 1, 1, 5);
    const next = say(one, atMs);
    assert.not(next.isFull, 'each is acknowledged');
    master.take(next, atMs);
    take(one, tableOf(master, atMs), atMs);
  }
});

test('when the table with an acknowledgement is lost, that of a later message stands for both', () => {
  const one = startBalancer('one');
  const master = new FleetLoads();
  master.take(say(one, 0), 0);
  take(one, tableOf(master, 2), 0);
  change(one, 0, 1, 5);
  master.take(say(one, 500), 500);
  tableOf(master, 3);
  // An empty message, a second later.
  const next = say(one, 1500);
  assert.equal([next.isFull, next.hosts], [false, []]);
  master.take(next, 1500);
  take(one, tableOf(master, 4), 1500);
  assert.equal(seenBy(one, 0), [1, 5]);
});

test('while nothing is acknowledged, what is remembered to be acknowledged goes back two full messages', () => {
  const one = startBalancer('one');
  const master = new FleetLoads();
  const sent: LoadMessage[] = [];
  for (let nowMs = 0; nowMs <= 10_000; nowMs += 20) {
    change(one, 0, 1, 5);
    sent.push(say(one, nowMs));
  }
  const fulls = sent.filter(({ isFull }) => isFull);
  assert.is(fulls.length, 6);
  for (const [each, inflight] of [
    [sent[10], 0],
    [fulls[4], 401],
    [sent.at(-1), 501],
  ] as const) {
    take(one, { ...tableOf(master, 2 + inflight), acks: [['one', each?.seq ?? 0]] }, 10_000);
    const { fleetInflight, othersInflight } = one.columns;
    // What the master has of ours is subtracted from the fleet's figure.
    fleetInflight[0] = 1000;
    one.loads.onTable({ stamp: one.writer.stamp, acks: [] }, hostsOf(one), 10_000);
    assert.is(othersInflight[0], 1000 - inflight);
  }
});

test('a host that a balancer does not know any more is left out of a full message, and what it had in flight is forgotten', () => {
  const one = startBalancer('one');
  const master = new FleetLoads();
  change(one, 3, 1, 5);
  master.take(say(one, 0), 0);
  take(one, tableOf(master, 2), 0);
  assert.is(master.of('h3').inflight, 1);
  one.writer.apply({ ...buildTable(1, 3, []), isFull: false, previousSeq: 2, gone: ['h3'] }, 0);
  change(one, 0, 1, 5);
  const next = say(one, 500);
  assert.not(next.isFull, 'every two seconds at most');
  master.take(next, 500);
  take(one, tableOf(master, 3), 500);
  const message = say(one, 2000);
  assert.equal([message.isFull, message.hosts.map(({ host }) => host)], [true, ['h0', 'h1', 'h2']]);
  master.take(message, 2000);
  assert.is(master.of('h3').inflight, 0);
});

test('the mean cost of a request is that of the newest ones, and stays without any', () => {
  const one = startBalancer('one');
  const meanOf = () => {
    one.loads.refreshMeanCost(hostsOf(one));
    return one.columns.fleet[FLEET.meanCost];
  };
  assert.ok(Number.isNaN(meanOf()));
  const serve = (slot: number, requests: number, work: number): void => {
    one.columns.served[slot] = (one.columns.served[slot] as number) + requests;
    one.columns.workDone[slot] = (one.columns.workDone[slot] as number) + work;
  };
  serve(0, 3, 20);
  serve(1, 1, 20);
  assert.is(meanOf(), 10);
  assert.is(meanOf(), 10);
  serve(1, 2, 8);
  assert.is(meanOf(), 4);
});

test('a new master knows nothing of ours: nothing is subtracted from its figures until it has acknowledged a full message', () => {
  const one = startBalancer('one');
  const old = new FleetLoads();
  change(one, 0, 1, 5);
  old.take(say(one, 0), 0);
  take(one, tableOf(old, 2), 0);
  const master = new FleetLoads();
  take(one, tableOf(master, 1, 2), 10);
  assert.equal(seenBy(one, 0), [1, 5]);
  const message = say(one, 20);
  assert.ok(message.isFull);
  master.take(message, 20);
  take(one, tableOf(master, 2, 2), 30);
  assert.equal(seenBy(one, 0), [1, 5]);
});

test('the others’ long-lived requests are the fleet’s without our own, and all that is open is shown', () => {
  const [one, two] = [startBalancer('one'), startBalancer('two')];
  const master = new FleetLoads();
  const open = ({ columns }: Balancer, longLived: number, paused: number): void => {
    columns.longLived[0] = longLived;
    columns.inflight[0] = longLived + paused;
  };
  open(one, 5, 2);
  open(two, 200, 0);
  change(two, 0, 1, 4);
  two.columns.inflight[0] = 201;
  for (const each of [one, two]) master.take(say(each, 0), 0);
  const { inflight, longLived, open: all } = master.of('h0');
  assert.equal([inflight, longLived, all], [1, 205, 208]);
  const table = tableOf(master, 2);
  for (const each of [one, two]) take(each, table, 0);
  assert.equal([one.columns.othersLongLived[0], two.columns.othersLongLived[0]], [200, 5]);
  assert.equal(
    [seenBy(one, 0), seenBy(two, 0)],
    [
      [1, 4],
      [1, 4],
    ],
    'short requests alone are compared',
  );
  // One more is opened: nothing else has changed, and the message is due.
  open(one, 6, 2);
  master.take(say(one, 20), 20);
  assert.equal([master.of('h0').longLived, master.of('h0').open], [206, 209]);
  // A balancer that is silent has nothing open.
  master.tick(10_000);
  assert.equal([master.of('h0').longLived, master.of('h0').open, master.of('h0').inflight], [0, 0, 0]);
});

test('a reused slot inherits nothing from its previous host', () => {
  const one = startBalancer('one');
  const master = new FleetLoads();
  change(one, 3, 1, 5);
  master.take(say(one, 0), 0);
  take(one, tableOf(master, 2), 0);
  one.writer.apply({ ...buildTable(1, 3, []), isFull: false, previousSeq: 2, gone: ['h3'] }, 0);
  one.writer.release(3);
  one.columns.awaited[3] = one.columns.work[3] = 0;
  take(one, { ...buildTable(1, 4, [buildRow('new', { inflight: 2, work: 8 })]), isFull: false, previousSeq: 3 }, 0);
  assert.equal(seenBy(one, 3), [2, 8]);
});

test('figures are as old as our own part of them, and stay current while everything we sent is acknowledged', () => {
  const one = startBalancer('one');
  const master = new FleetLoads();
  const loadsAt = () => one.columns.fleet[FLEET.loadsAt];
  take(one, tableOf(master, 2), 20);
  assert.ok(Number.isNaN(loadsAt()), 'a table that contains nothing of ours does not tell its age');
  master.take(say(one, 70), 70);
  take(one, tableOf(master, 3), 100);
  assert.is(loadsAt(), 60, 'when our own part was sent, and half an interval for the others');
  assert.is(one.loads.nextDue(hostsOf(one), 1, 20, 180), undefined, 'there is nothing new to say');
  assert.is(loadsAt(), 170);
  change(one, 0, 1, 5);
  say(one, 200);
  change(one, 0, 1, 5);
  say(one, 300);
  assert.is(loadsAt(), 190, 'the master has not answered');
});

test('without changes there is no message, but once a second an empty one', () => {
  const one = startBalancer('one');
  const master = new FleetLoads();
  let last = say(one, 0);
  assert.ok(last.isFull);
  for (const secondMs of [1000, 2000, 3000]) {
    master.take(last, secondMs - 1000);
    take(one, tableOf(master, secondMs), secondMs - 990);
    assert.is(one.loads.nextDue(hostsOf(one), 1, 20, secondMs - 1), undefined);
    const next = say(one, secondMs);
    assert.equal([next.seq, next.isFull, next.hosts], [last.seq + 1, false, []], 'no seq was used for the one that was not sent');
    last = next;
  }
});

test('classes are counted by their new ids, and a counter that wraps makes no jump', () => {
  const one = startBalancer('one');
  one.loads.setClass(0, '(rest)');
  one.loads.setClass(2, 'GET /a');
  one.columns.servedByClass[2] = 0xffff_fffe;
  assert.equal(say(one, 0).classes, [
    [0, '(rest)'],
    [2, 'GET /a'],
  ]);
  one.columns.servedByClass[2] = 3;
  one.columns.busyByClass[2] = 40;
  one.columns.served[0] = 5;
  one.columns.reportedCostCount[2] = 2;
  one.columns.reportedCostMs[2] = 9.5;
  const message = say(one, 20);
  assert.equal([message.classes, message.hosts.map(({ counts }) => counts), message.said], [[], [[2, 5, 40]], [[2, 2, 9.5]]]);
  one.columns.served[0] = 6;
  assert.equal(say(one, 40).said, [], 'it is said once');
});

/** The same balancer after its fleet thread was restarted; `firstSeq` is where a new process would begin. */
const startAgain = (before: Balancer, firstSeq: number): Balancer => ({
  ...before,
  loads: new OwnLoads(before.columns, before.name, `${before.name}-i`, [], firstSeq),
});

test('a restarted fleet thread continues the message numbers, and the master accepts them', () => {
  const one = startBalancer('one');
  const master = new FleetLoads();
  const first = say(one, 0);
  change(one, 0, 1, 5);
  const last = say(one, 20);
  for (const each of [first, last]) master.take(each, 20);
  for (const firstSeq of [1, 5_000_000]) {
    const again = startAgain(one, firstSeq);
    change(again, 0, 1, 5);
    const message = say(again, 40);
    master.take(message, 40);
    assert.is(master.of('h0').inflight, one.columns.awaited[0]);
    take(again, tableOf(master, 2), 60);
    assert.equal(seenBy(again, 0), [master.of('h0').inflight, master.of('h0').work], 'it is acknowledged: nothing is counted twice');
  }
  assert.equal([first.seq, last.seq, say(startAgain(one, 1), 60).seq], [1001, 1002, 1005]);
});

test('an acknowledgement of an earlier thread or process with this name acknowledges nothing of ours', () => {
  for (const acked of [1001, 999, 7_000_000]) {
    const one = startBalancer('one');
    const master = new FleetLoads();
    change(one, 0, 1, 5);
    master.take(say(one, 0), 0);
    const again = startAgain(one, 1);
    change(again, 0, 1, 5);
    say(again, 20);
    take(again, { ...tableOf(master, 2), acks: [['one', acked]] }, 40);
    assert.equal([again.columns.othersInflight[0], again.columns.fleet[FLEET.loadsAt]], [1, Number.NaN], `acknowledged ${acked}`);
    take(again, { ...tableOf(master, 3), acks: [['one', 1002]] }, 60);
    assert.is(again.columns.fleet[FLEET.loadsAt], 10);
  }
});

test('a balancer of an earlier version that numbers by its clock is heard again soon after the clock was set back', () => {
  const one = startBalancer('one');
  const master = new FleetLoads();
  change(one, 0, 1, 5);
  master.take(say(one, 0), 0);
  change(one, 0, -1, 5);
  // Its thread is restarted, and its message number is lost.
  one.columns.wideHeader[WIDE_HEADER.loadSeq] = 0;
  const again = startAgain(one, 10);
  let nowMs = 0;
  const isHeard = () => {
    const message = again.loads.nextDue(hostsOf(again), 1, 20, nowMs);
    if (message !== undefined) master.take(message, nowMs);
    master.tick(nowMs);
    return master.of('h0').inflight === 0 && master.takeAcks().length > 0;
  };
  while (nowMs < 10_000 && !isHeard()) nowMs += 100;
  assert.ok(nowMs <= 6000, `heard after ${nowMs} ms`);
});

test('after any loss, duplication or delay, once all is quiet every balancer sees exactly what is in flight', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new Random(seed);
    const balancers = ['one', 'two', 'three'].map(startBalancer);
    let master = new FleetLoads();
    let [term, seq] = [1, 1];
    const exchange = (lossPercent: number, nowMs: number): void => {
      for (const each of balancers) {
        const message = each.loads.nextDue(hostsOf(each), each.writer.stamp.term, 20, nowMs);
        if (message === undefined || random.below(100) < lossPercent) continue;
        master.take(message, nowMs);
        if (random.below(10) === 0) master.take(message, nowMs);
      }
      const table = tableOf(master, ++seq, term);
      for (const each of balancers) if (random.below(100) >= lossPercent) take(each, table, nowMs);
    };
    let nowMs = 0;
    for (let round = 0; round < 60; round++) {
      for (const each of balancers) {
        for (let i = 0; i < 4; i++) {
          const slot = random.below(4);
          if (random.below(2) === 0) change(each, slot, 1, 8);
          else if ((each.columns.awaited[slot] as number) > 0) change(each, slot, -1, 8);
        }
      }
      if (random.below(25) === 0) {
        master = new FleetLoads();
        [term, seq] = [term + 1, 1];
      }
      exchange(15, (nowMs += 20));
    }
    // Quiet until everything was sent again.
    for (const end = nowMs + 2100; nowMs < end; ) exchange(0, (nowMs += 20));
    for (const slot of [0, 1, 2, 3]) {
      const inflight = balancers.reduce((sum, { columns }) => sum + (columns.awaited[slot] as number), 0);
      for (const each of balancers) assert.equal(seenBy(each, slot), [inflight, 8 * inflight], `seed ${seed}, ${each.name}, slot ${slot}`);
    }
  }
});

test.run();
