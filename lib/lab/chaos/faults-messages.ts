// Messages that nobody of the fleet sent: forged, replayed, of the future, malformed. With a fleet key they change nothing.

import { randomBytes, randomUUID } from 'node:crypto';
import type { HostTable } from '../../model.js';
import { encodeEvent, type FleetEvent } from '../../redis/event-message.js';
import { roleOfEvent } from '../../redis/signed-messages.js';
import { encodeLoad } from '../../redis/load-message.js';
import { encodeReport } from '../../redis/report-message.js';
import { encodeTable } from '../../redis/table-message.js';
import { MAX_TERM } from '../../redis/term.js';
import { freePort } from '../processes.js';
import { REPORT_EVERY_MS } from './agents.js';
import { type Fault, type Faults, pickOne } from './faults.js';
import { FORGED_PREFIX } from './forged.js';
import { type Forge, pickDisguise, publishing } from './forging.js';
import { DRAINED_HOST, type Stage } from './stage.js';

/** The table in force, as the forger can read it. */
function tableOf({ watch }: Stage): HostTable | undefined {
  return watch.stored ?? watch.published;
}

const FORGED_TABLES = ['of a higher term', 'of the same mastership, ahead', 'of a rival in the same term', 'of an absurd term'] as const;

const forgedTables: Fault = async (stage, random) => {
  const kind = pickOne(FORGED_TABLES, random);
  const url = `http://127.0.0.1:${await freePort()}`;
  const ahead = 1 + random.below(3);
  const mastership = FORGED_PREFIX + randomBytes(14).toString('hex');
  const [disguised, disguise] = pickDisguise(stage, 'master', pickOne(stage.balancers, random).name, random);
  let count = 0;
  const forge: Forge = () => {
    const table = tableOf(stage);
    if (table === undefined) return [];
    const { stamp } = table;
    count++;
    const stamps = {
      'of a higher term': { term: stamp.term + ahead, mastership, seq: count },
      'of the same mastership, ahead': { ...stamp, seq: stamp.seq + 5000 + count },
      'of a rival in the same term': { term: stamp.term, mastership, seq: stamp.seq + 100 + count },
      'of an absurd term': { term: MAX_TERM - 1, mastership, seq: count },
    } as const;
    const hosts = table.hosts.map((host) => ({ ...host, url }));
    const forged: HostTable = { ...table, stamp: stamps[kind], previousSeq: stamps[kind].seq, isFull: true, hosts, figures: [], loads: [] };
    const { stats } = stage.keys;
    return [{ channel: stats, text: disguise(stats, encodeTable(forged), stamps[kind].term) }];
  };
  return publishing(stage, `forged tables ${kind}, ${disguised}: all hosts are where nobody listens`, forge);
};

const forgedLoads: Fault = async (stage, random) => {
  const name = pickOne([...stage.balancers.map((each) => each.name), 'nobody'], random);
  const [disguised, disguise] = pickDisguise(stage, 'balancer', name, random);
  const instance = randomUUID();
  let seq = 0;
  const evidence = { work: 1e6, durations: 1, workSquares: 1e12, workByDuration: 1e6, durationSquares: 1 };
  const forge: Forge = () => {
    const hosts = stage.hosts.map(({ name: host }) => ({
      host,
      inflight: host === 'h1' ? 100_000 : 0,
      open: 100_000,
      longLived: 0,
      work: 1e9,
      served: seq,
      meanInflight: 1e5,
      evidence,
      counts: [],
    }));
    const text = encodeLoad({ balancer: name, instance, seq: ++seq, classes: [], said: [], hosts, isFull: true, statics: [] });
    const { load } = stage.keys;
    return [{ channel: load, text: disguise(load, text) }];
  };
  return publishing(stage, `forged loads of ${name}, ${disguised}`, forge);
};

const forgedReports: Fault = async (stage, random) => {
  const victim = pickOne(
    stage.hosts.filter(({ name }) => name !== DRAINED_HOST),
    random,
  );
  const url = `http://127.0.0.1:${await freePort()}`;
  const figures = { cpu: 1, memory: 1, cores: 1, rps: null, intervalMs: REPORT_EVERY_MS, bye: false, instance: randomUUID() };
  const draws = {
    'of full hosts': { ...figures, host: victim.name, url: victim.url },
    'that move a host': { ...figures, cpu: 0, host: victim.name, url },
    'of a host that does not exist': { ...figures, cpu: 0, host: 'h9', url },
    'with a goodbye': { ...figures, host: victim.name, url: victim.url, bye: true },
  };
  const kind = pickOne(Object.keys(draws) as (keyof typeof draws)[], random);
  const text = encodeReport(draws[kind]);
  const [disguised, disguise] = pickDisguise(stage, 'agent', draws[kind].host, random);
  const { reports } = stage.keys;
  return publishing(stage, `forged reports ${kind} (${victim.name}), ${disguised}`, () => [
    { channel: reports, text: disguise(reports, text) },
  ]);
};

const forgedEvents: Fault = async (stage, random) => {
  const { name } = pickOne(stage.balancers, random);
  const mastership = FORGED_PREFIX + randomBytes(14).toString('hex');
  const drawn = random.below(6);
  const draw = (): FleetEvent => {
    const { term = 1, mastership: inForce = mastership } = tableOf(stage)?.stamp ?? {};
    return [
      { kind: 'master-released', name, term, mastership: inForce },
      { kind: 'balancer-left', name },
      { kind: 'master-elected', name: 'nobody', term: term + 3, mastership },
      { kind: 'host-undrained', name: DRAINED_HOST },
      { kind: 'host-left', name: 'h1' },
      { kind: 'restart-requested', name: 'fleet' },
    ][drawn] as FleetEvent;
  };
  const { kind } = draw();
  const [disguised, disguise] = pickDisguise(stage, roleOfEvent(kind), draw().name, random);
  const { events } = stage.keys;
  const forge: Forge = () => {
    const event = draw();
    return [{ channel: events, text: disguise(events, encodeEvent(event, new Date()), event.term) }];
  };
  return publishing(stage, `forged events ${kind}, ${disguised}`, forge);
};

const replayed: Fault = async (stage) => {
  const recorded = [...stage.watch.messages];
  let at = 0;
  const forge: Forge = () => recorded.slice(at, (at = at + 20 > recorded.length ? 0 : at + 20));
  return publishing(stage, `${recorded.length} messages are replayed`, forge);
};

const ofTheFuture: Fault = async (stage) => {
  const { keys } = stage;
  const far = Number.MAX_SAFE_INTEGER;
  const forge: Forge = () => {
    const table = tableOf(stage);
    const later = (change: object): string => JSON.stringify({ ...JSON.parse(table === undefined ? '{}' : encodeTable(table)), ...change });
    const event = { v: 1, at: '2199-01-01T00:00:00.000Z', event: 'master-elected', name: 'b1', term: far };
    return [
      { channel: keys.stats, text: later({ seq: far }) },
      { channel: keys.stats, text: later({ term: far, seq: 1 }) },
      { channel: keys.stats, text: later({ v: 2 }) },
      { channel: keys.load, text: JSON.stringify({ v: 2, balancer: 'b1', instance: 'x', seq: far, hosts: [] }) },
      { channel: keys.events, text: JSON.stringify(event) },
      { channel: keys.reports, text: JSON.stringify({ v: 3, host: 'h1', url: 'http://127.0.0.1:1', interval: far }) },
    ];
  };
  return publishing(stage, 'messages of the future: versions, terms and numbers that cannot be yet', forge);
};

const malformed: Fault = async (stage, random) => {
  const { keys } = stage;
  const channels = [keys.stats, keys.load, keys.reports, keys.events];
  const garbage = [
    '',
    '{',
    'null',
    '[]',
    '{"v":1}',
    '{"v":1,"term":-1,"mastership":"x","seq":1e400,"hosts":[null]}',
    '{"v":1,"host":"../../x","url":"javascript:1","cpu":"NaN","interval":-1}',
    '{"v":1,"balancer":"b1","instance":"x","seq":1,"hosts":[["h1",-1,-1,-1]]}',
    '{"v":1,"event":"master-elected","name":"\\u001b[2J","term":1.5}',
    `{"v":1,"host":"${'x'.repeat(5000)}"}`,
    '{"__proto__":{"v":1},"v":1}',
    '\u0000\ufffd',
    JSON.stringify({
      v: 1,
      term: 1,
      mastership: '0123456789abcdef',
      seq: 1,
      full: true,
      hosts: Array.from({ length: 2000 }, () => ({ name: 'x' })),
    }),
  ];
  const forge: Forge = () => channels.map((channel) => ({ channel, text: pickOne(garbage, random) }));
  return publishing(stage, 'malformed messages on all channels', forge, 20);
};

/** Faults of messages. */
export const MESSAGE_FAULTS: Faults = {
  'forged tables': forgedTables,
  'forged loads': forgedLoads,
  'forged reports': forgedReports,
  'forged events': forgedEvents,
  'replayed messages': replayed,
  'messages of the future': ofTheFuture,
  'malformed messages': malformed,
};
