// Fuzzes all message decoders with seeded mutations of valid messages. A decoder never throws, returns either a reason or
// a fully valid value, and never changes prototypes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BalancerFigures, StoredView } from '../../lib/fleet-figures.js';
import type { HostTable, LoadMessage, Report } from '../../lib/model.js';
import { HOST_STATES } from '../../lib/model.js';
import type { Decoded } from '../../lib/redis/decode.js';
import { decodeEvent, encodeEvent, EVENT_KINDS, type FleetEvent } from '../../lib/redis/event-message.js';
import { decodeFigures, encodeFigures } from '../../lib/redis/figures-message.js';
import { decodeLoad, encodeLoad } from '../../lib/redis/load-message.js';
import { originOf } from '../../lib/host-origin.js';
import { arePools, isHostId, isName } from '../../lib/redis/names.js';
import { decodeReport, encodeReport } from '../../lib/redis/report-message.js';
import { decodeTable, encodeTable } from '../../lib/redis/table-message.js';
import { decodeStoredView, encodeStoredView } from '../../lib/redis/view-message.js';
import { Random } from '../../lib/routing/random.js';
import { FIGURES, VIEW } from '../support/fleet-views.js';
import { buildChange, buildRow } from '../support/host-rows.js';
import { LATENCY_BUCKETS } from '../../lib/table/latency-buckets.js';
import { mutateText, mutateValue } from '../support/mutate.js';

const test = suite('messages fuzz');

const ROUNDS = 6000;
const REASONS: ReadonlySet<string> = new Set(['malformed', 'oversized', 'version', 'out_of_range', 'name']);

const isWithin = (figure: number | null, max: number) => figure === null || (figure >= 0 && figure <= max);
const isWeight = (weight = 1) => weight > 0 && weight <= 1000;
const isCount = (count: number) => Number.isSafeInteger(count) && count >= 0;

function checkReport(report: Report): void {
  assert.ok(isName(report.host) && originOf(report.url) === report.url && typeof report.bye === 'boolean');
  assert.ok(isWithin(report.cpu, 1) && isWithin(report.memory, 1) && isWithin(report.cores, 4096) && isWithin(report.rps, 1e9));
  assert.ok(report.pools === undefined || arePools(report.pools));
  assert.ok(report.intervalMs >= 50 && report.intervalMs <= 60_000);
}

function checkLoad(load: LoadMessage): void {
  assert.ok(isName(load.balancer) && isName(load.instance) && typeof load.isFull === 'boolean');
  assert.ok(load.hosts.every(({ host, inflight, served }) => isHostId(host) && isCount(inflight) && isCount(served) && inflight < 2 ** 31));
  assert.ok(load.statics.every(({ name, url, weight }) => isHostId(name) && originOf(url) === url && isWeight(weight)));
}

function checkTable(table: HostTable): void {
  assert.ok(isCount(table.stamp.term) && table.stamp.term > 0 && isCount(table.stamp.seq) && isCount(table.previousSeq));
  assert.ok(table.gone.every(isHostId));
  assert.ok(table.everyMs === undefined || isWithin(table.everyMs, 10_000));
  for (const { name, cpu, memory, cores, ageMs } of table.figures) {
    assert.ok(isHostId(name) && isWithin(cpu, 1) && isWithin(memory, 1) && isWithin(cores, 4096) && isWithin(ageMs, 1e10));
  }
  for (const row of table.hosts) {
    assert.ok(isHostId(row.name) && originOf(row.url) === row.url && HOST_STATES.includes(row.state) && typeof row.isStatic === 'boolean');
    assert.ok(isWithin(row.cpu, 1) && isWithin(row.memory, 1) && isWithin(row.cores, 4096) && isWithin(row.rps, 1e9));
    assert.ok(isWithin(row.ageMs, 1e10) && isCount(row.inflight) && row.fleetRps >= 0 && row.fleetRps <= 1e9 && isWeight(row.weight));
  }
}

function checkEvent(event: FleetEvent): void {
  assert.ok(EVENT_KINDS.includes(event.kind) && isHostId(event.name) && (event.term === undefined || isCount(event.term)));
  // oxlint-disable-next-line no-control-regex -- control characters are what is meant here
  assert.ok(event.detail === undefined || (event.detail.length <= 200 && !/[\u0000-\u001f\u007f-\u009f]/.test(event.detail)));
}

function checkFigures({ balancer, instance, seq, seconds, pools, hosts, slowest }: BalancerFigures): void {
  assert.ok(isName(balancer) && isName(instance) && isCount(seq) && seconds > 0 && seconds <= 60 && slowest.length <= 20);
  for (const { requests, errors, inflight } of pools) assert.ok(isCount(requests) && isCount(errors) && isCount(inflight));
  for (const { name, attempts, errors } of hosts) assert.ok(isHostId(name) && isCount(attempts) && isCount(errors));
  for (const { latency } of [...pools, ...hosts])
    for (let at = 0; at < latency.length; at += 2) {
      const bucket = latency[at] as number;
      assert.ok(bucket > (latency[at - 2] ?? -1) && bucket < LATENCY_BUCKETS && (latency[at + 1] as number) > 0);
    }
}

function checkView({ figures, history, hostRps }: StoredView): void {
  assert.ok(isCount(figures.term) && figures.balancers.every(isName) && figures.picks.picks.length === figures.picks.balancers.length);
  for (const { name, rps, p99Share, ejectedBy } of figures.hosts) {
    assert.ok(isHostId(name) && rps >= 0 && p99Share >= 0 && p99Share <= 1);
    assert.ok(ejectedBy.every(([balancer, reason]) => isName(balancer) && !/\p{C}/u.test(reason)));
  }
  assert.ok(history.length <= 180 && history.every(({ rps, p99Ms }) => rps >= 0 && (p99Ms === null || p99Ms >= 0)));
  assert.ok(hostRps.every(([name, rps]) => isHostId(name) && rps.length <= 60 && rps.every((each) => each >= 0)));
}

interface Subject {
  readonly text: string;
  readonly check: (text: unknown) => Decoded<unknown>;
}

/** A decoder with a check of the values that it accepts. */
const subject = <T>(text: string, decode: (text: unknown) => Decoded<T>, check: (value: T) => void): Subject => ({
  text,
  check(given) {
    const decoded = decode(given);
    if (decoded.ok) check(decoded.value);
    else assert.ok(REASONS.has(decoded.reason));
    return decoded;
  },
});

const SUBJECTS: Readonly<Record<string, Subject>> = {
  report: subject(
    encodeReport({ host: 'h1', url: 'http://h1:1', cpu: 0.5, memory: null, cores: 4, rps: 7, bye: true, intervalMs: 500 }),
    decodeReport,
    checkReport,
  ),
  load: subject(
    encodeLoad({
      balancer: 'b',
      instance: 'i',
      seq: 7,
      classes: [[1, 'GET /a']],
      said: [[1, 2, 3.5]],
      isFull: true,
      statics: [{ name: 's', url: 'http://s', weight: 2.5 }],
      hosts: [
        {
          host: 'h',
          inflight: 1,
          open: 5,
          longLived: 2,
          work: 2.5,
          served: 2,
          meanInflight: 1.5,
          evidence: { work: 30, durations: 40.5, workSquares: 1, workByDuration: 2, durationSquares: 3 },
          counts: [1, 2, 3.5],
        },
      ],
    }),
    decodeLoad,
    checkLoad,
  ),
  table: subject(
    encodeTable({
      ...buildChange(2, 3, [buildRow('a', { weight: 3 }), buildRow('b', { isStatic: true })], ['c']),
      figures: [{ name: 'd', cpu: 0.5, memory: 0.25, cores: 2, ageMs: 10 }],
      everyMs: 40,
    }),
    decodeTable,
    checkTable,
  ),
  figures: subject(encodeFigures(FIGURES), decodeFigures, checkFigures),
  view: subject(encodeStoredView(VIEW), decodeStoredView, checkView),
  event: subject(encodeEvent({ kind: 'master-elected', name: 'b', term: 4, detail: 'x' }, new Date(0)), decodeEvent, checkEvent),
};

/** Fails if a message has polluted Object.prototype. */
function checkPrototypes(): void {
  assert.equal(Object.keys(Object.prototype), []);
  const bare = {} as Record<string, unknown>;
  assert.equal([bare.v, bare.polluted, bare.x, [].length], [undefined, undefined, undefined, 0]);
}

for (const [name, { text, check }] of Object.entries(SUBJECTS)) {
  test(`no damage to the text of a ${name} makes its decoder throw or let nonsense pass`, () => {
    const random = new Random(name.length);
    let accepted = 0;
    for (let i = 0; i < ROUNDS; i++) if (check(mutateText(random, text)).ok) accepted++;
    assert.ok(accepted > 50 && accepted < ROUNDS / 2, `${accepted} were accepted: the damage is too great or too small to prove anything`);
    checkPrototypes();
  });

  test(`no odd value in a ${name} makes its decoder throw or let nonsense pass`, () => {
    const random = new Random(name.length + 100);
    let accepted = 0;
    for (let i = 0; i < ROUNDS; i++) {
      let value = mutateValue(random, JSON.parse(text));
      if (random.below(2) === 0) value = mutateValue(random, value);
      if (check(JSON.stringify(value)).ok) accepted++;
    }
    assert.ok(accepted > 50, `${accepted} were accepted`);
    checkPrototypes();
  });

  test(`a ${name} that tries to change prototypes changes nothing`, () => {
    for (const attack of [
      '{"__proto__":{"v":1,"polluted":1}}',
      `${text.slice(0, -1)},"__proto__":{"polluted":1,"x":1}}`,
      `${text.slice(0, -1)},"constructor":{"prototype":{"polluted":1}}}`,
      text.replaceAll('{', '{"__proto__":{"polluted":1},'),
      '{"v":1,"__proto__":[],"constructor":null,"toString":1,"valueOf":1}',
    ]) {
      check(attack);
      checkPrototypes();
    }
    assert.is(check('{"__proto__":{"v":1}}').ok, false, 'a version must be the message’s own');
  });
}

test.run();
