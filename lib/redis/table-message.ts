// Wire format of the host table: the master's messages on `stats` and the snapshot in `table`.

import {
  type FiguresRow,
  HOST_STATES,
  type HostRow,
  type HostState,
  type HostTable,
  type LoadRow,
  MAX_CLASSES,
  MAX_POOLS,
} from '../model.js';
import {
  type Decoded,
  decodeFields,
  type Fields,
  isCount,
  isFields,
  isHostWeight,
  MESSAGE_VERSION,
  numberWithin,
  rejected,
} from './decode.js';
import { isClassName } from './load-message.js';
import { originOf } from '../host-origin.js';
import { isHostAuthority, isHostId, isMastership, isName } from './names.js';

/** Longer tables are dropped unread; 16,384 hosts with long names fit. */
export const MAX_TABLE_LENGTH = 16 << 20;
const MAX_CORES = 4096;
/** Work per ms; far above any host's capacity, whatever the estimated cost of a request. */
const MAX_CAPACITY = 1e6;
const MAX_RPS = 1e9;
const MAX_AGE_MS = 1e10;
const MAX_WORK_MS = 1e12;
const MAX_COST_MS = 1e9;
/** All classes of all pools. */
const MAX_COSTS = MAX_CLASSES * MAX_POOLS;
const MAX_EVERY_MS = 10_000;

/** Encodes a table or a part of it, for publishing and storing. */
export function encodeTable(table: HostTable): string {
  return JSON.stringify({
    v: MESSAGE_VERSION,
    term: table.stamp.term,
    mastership: table.stamp.mastership,
    seq: table.stamp.seq,
    ...(table.isFull ? { full: true } : { prev: table.previousSeq }),
    hosts: table.hosts.map(encodeRow),
    // Arrays without field names: these are sent many times a second.
    ...(table.figures.length > 0 && {
      figures: table.figures.map(({ name, cpu, memory, cores, ageMs }) => [name, round(cpu), round(memory), round(cores), ageOf(ageMs)]),
    }),
    ...(table.loads.length > 0 && {
      loads: table.loads.map(({ name, inflight, work, capacity, speed, longLived }) => [
        name,
        Math.max(0, inflight),
        workOf(work),
        capacityOf(capacity),
        capacityOf(speed),
        // Most fleets have none.
        ...(longLived > 0 ? [longLived] : []),
      ]),
    }),
    ...(table.acks.length > 0 && { acks: table.acks }),
    ...(table.everyMs !== undefined && { every: Math.round(table.everyMs) }),
    ...(table.costs !== null && { costs: table.costs }),
    ...(table.gone.length > 0 && { gone: table.gone }),
    ...(table.limits !== undefined && { limits: table.limits }),
  });
}

/** Rounds a fraction or a rate to six decimal places, for short messages. */
const round = (figure: number | null): number | null => (figure === null ? null : Math.round(figure * 1e6) / 1e6);

const ageOf = (figure: number | null): number | null => (figure === null ? null : Math.round(figure));

// Clamped to what balancers accept: one bad figure must not make them drop the whole table.
const workOf = (figure: number): number => Math.round(Math.min(Math.max(figure, 0), MAX_WORK_MS) * 100) / 100 || 0;
const rateOf = (figure: number): number => round(Math.min(Math.max(figure, 0), MAX_RPS)) || 0;
const capacityOf = (figure: number | null): number | null =>
  figure === null ? null : Math.round(Math.min(Math.max(figure, 0), MAX_CAPACITY) * 1000) / 1000;

function encodeRow(row: HostRow): Fields {
  return {
    name: row.name,
    url: row.url,
    ...(row.authority !== undefined && { authority: row.authority }),
    state: row.state,
    ...(row.isStatic && { static: true }),
    ...(row.weight !== undefined && row.weight !== 1 && { weight: row.weight }),
    cpu: round(row.cpu),
    memory: round(row.memory),
    cores: round(row.cores),
    rps: round(row.rps),
    age: ageOf(row.ageMs),
    inflight: Math.max(0, row.inflight),
    open: Math.max(0, row.open),
    ...(row.longLived > 0 && { long_lived: row.longLived }),
    fleet_rps: rateOf(row.fleetRps),
    work: workOf(row.work),
    capacity: capacityOf(row.capacity),
    speed: capacityOf(row.speed),
  };
}

/** Decodes a table. An invalid row drops the whole message: the next snapshot makes up for it. */
export function decodeTable(text: unknown): Decoded<HostTable> {
  const decoded = decodeFields(text, MAX_TABLE_LENGTH);
  if (!decoded.ok) return decoded;
  const {
    term,
    mastership,
    seq,
    full,
    prev,
    hosts,
    figures = [],
    loads = [],
    acks = [],
    every,
    costs = null,
    gone = [],
    limits,
  } = decoded.value;
  if (!isCount(term) || !isMastership(mastership) || !isCount(seq) || term === 0 || !Array.isArray(hosts) || !Array.isArray(gone))
    return rejected('malformed');
  const isFull = full === true;
  const everyMs = numberWithin(every, 0, MAX_EVERY_MS);
  if ((!isFull && !isCount(prev)) || everyMs === undefined) return rejected('malformed');
  const rows: HostRow[] = [];
  for (const entry of hosts) {
    const row = decodeRow(entry);
    if (row === undefined) return rejected('malformed');
    rows.push(row);
  }
  if (!gone.every(isHostId)) return rejected('name');
  // A host that is both added and removed in one message would leak its slot.
  if (gone.length > 0 && rows.some(({ name }) => gone.includes(name))) return rejected('malformed');
  if (!Array.isArray(figures) || !Array.isArray(loads) || !Array.isArray(acks) || !acks.every(isAck)) return rejected('malformed');
  if (costs !== null && !(Array.isArray(costs) && costs.length <= MAX_COSTS && costs.every(isCost))) return rejected('malformed');
  const figuresRows: FiguresRow[] = [];
  for (const entry of figures) {
    const row = decodeFiguresRow(entry);
    if (row === undefined) return rejected('malformed');
    figuresRows.push(row);
  }
  const loadRows: LoadRow[] = [];
  for (const entry of loads) {
    const row = decodeLoadRow(entry);
    if (row === undefined) return rejected('malformed');
    loadRows.push(row);
  }
  return {
    ok: true,
    value: {
      stamp: { term, mastership, seq },
      isFull,
      previousSeq: isFull ? seq : (prev as number),
      hosts: rows,
      figures: figuresRows,
      loads: loadRows,
      acks,
      ...(everyMs !== null && { everyMs }),
      costs,
      gone,
      ...(limits !== undefined && { limits }),
    },
  };
}

function isAck(entry: unknown): entry is readonly [string, number] {
  return Array.isArray(entry) && isName(entry[0]) && isCount(entry[1]);
}

function isCost(entry: unknown): entry is readonly [string, number] {
  return Array.isArray(entry) && isClassName(entry[0]) && typeof entry[1] === 'number' && entry[1] > 0 && entry[1] <= MAX_COST_MS;
}

// Access by index: destructuring uses an iterator, and there can be thousands of rows a second.
function decodeFiguresRow(entry: unknown): FiguresRow | undefined {
  if (!Array.isArray(entry) || !isHostId(entry[0])) return undefined;
  const name = entry[0];
  const cpu = numberWithin(entry[1], 0, 1);
  const memory = numberWithin(entry[2], 0, 1);
  const cores = numberWithin(entry[3], 0, MAX_CORES);
  const ageMs = numberWithin(entry[4], 0, MAX_AGE_MS);
  if (cpu === undefined || memory === undefined || cores === undefined || ageMs === undefined) return undefined;
  return { name, cpu, memory, cores, ageMs };
}

function decodeLoadRow(entry: unknown): LoadRow | undefined {
  if (!Array.isArray(entry) || !isHostId(entry[0])) return undefined;
  const name = entry[0];
  const inflight: unknown = entry[1];
  const longLived: unknown = entry[5] ?? 0;
  if (!isInflight(inflight) || !isInflight(longLived)) return undefined;
  const work = numberWithin(entry[2], 0, MAX_WORK_MS);
  const capacity = numberWithin(entry[3], 0, MAX_CAPACITY);
  const speed = numberWithin(entry[4], 0, MAX_CAPACITY);
  if (typeof work !== 'number' || capacity === undefined || speed === undefined) return undefined;
  return { name, inflight, work, capacity, speed, longLived };
}

const isInflight = (value: unknown): value is number => isCount(value) && value <= 0x7fffffff;

function decodeRow(entry: unknown): HostRow | undefined {
  if (!isFields(entry) || !isHostId(entry.name)) return undefined;
  const url = originOf(entry.url);
  const cpu = numberWithin(entry.cpu, 0, 1);
  const memory = numberWithin(entry.memory, 0, 1);
  const cores = numberWithin(entry.cores, 0, MAX_CORES);
  const rps = numberWithin(entry.rps, 0, MAX_RPS);
  const ageMs = numberWithin(entry.age, 0, MAX_AGE_MS);
  const fleetRps = numberWithin(entry.fleet_rps, 0, MAX_RPS);
  const state = entry.state as HostState;
  const { authority, weight = 1 } = entry;
  if (authority !== undefined && !isHostAuthority(authority)) return undefined;
  if (!isHostWeight(weight)) return undefined;
  if (url === null || cpu === undefined || memory === undefined || cores === undefined) return undefined;
  if (rps === undefined || ageMs === undefined || typeof fleetRps !== 'number') return undefined;
  const load = decodeLoadRow([entry.name, entry.inflight, entry.work, entry.capacity, entry.speed, entry.long_lived]);
  if (load === undefined) return undefined;
  const open: unknown = entry.open ?? load.inflight + load.longLived;
  if (!isInflight(open)) return undefined;
  if (!HOST_STATES.includes(state)) return undefined;
  return {
    ...load,
    open,
    url,
    ...(authority !== undefined && { authority }),
    state,
    isStatic: entry.static === true,
    ...(weight !== 1 && { weight }),
    cpu,
    memory,
    cores,
    rps,
    ageMs,
    fleetRps,
  };
}
