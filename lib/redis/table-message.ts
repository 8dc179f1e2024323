// The host table on the wire: the master's messages on `stats` and the snapshot in `table`.

import { HOST_STATES, type HostRow, type HostState, type HostTable } from '../model.js';
import { type Decoded, decodeFields, type Fields, isCount, isFields, MESSAGE_VERSION, numberWithin, rejected } from './decode.js';
import { isName, originOf } from './names.js';

/** A table longer than this is dropped unread: 16,384 hosts with long names fit. */
const MAX_LENGTH = 16 << 20;
const MAX_CORES = 4096;
const MAX_RPS = 1e9;
const MAX_AGE_MS = 1e10;

/** A table, whole or in part, as it is published and stored. */
export function encodeTable(table: HostTable): string {
  return JSON.stringify({
    v: MESSAGE_VERSION,
    term: table.stamp.term,
    seq: table.stamp.seq,
    ...(table.isFull ? { full: true } : { prev: table.previousSeq }),
    hosts: table.hosts.map(encodeRow),
    ...(table.gone.length > 0 && { gone: table.gone }),
  });
}

/** A fraction or a rate to six places: more would only make messages longer. */
const round = (figure: number | null): number | null => (figure === null ? null : Math.round(figure * 1e6) / 1e6);

function encodeRow(row: HostRow): Fields {
  return {
    name: row.name,
    url: row.url,
    state: row.state,
    ...(row.isStatic && { static: true }),
    cpu: round(row.cpu),
    memory: round(row.memory),
    cores: round(row.cores),
    rps: round(row.rps),
    age: row.ageMs === null ? null : Math.round(row.ageMs),
    inflight: row.inflight,
    fleet_rps: round(row.fleetRps),
  };
}

/** Reads a table. A wrong row drops the whole message: the next snapshot brings what it said. */
export function decodeTable(text: unknown): Decoded<HostTable> {
  const decoded = decodeFields(text, MAX_LENGTH);
  if (!decoded.ok) return decoded;
  const { term, seq, full, prev, hosts, gone = [] } = decoded.value;
  if (!isCount(term) || !isCount(seq) || term === 0 || !Array.isArray(hosts) || !Array.isArray(gone)) return rejected('malformed');
  const isFull = full === true;
  if (!isFull && !isCount(prev)) return rejected('malformed');
  const rows: HostRow[] = [];
  for (const entry of hosts) {
    const row = decodeRow(entry);
    if (row === undefined) return rejected('malformed');
    rows.push(row);
  }
  if (!gone.every(isName)) return rejected('name');
  return { ok: true, value: { stamp: { term, seq }, isFull, previousSeq: isFull ? seq : (prev as number), hosts: rows, gone } };
}

function decodeRow(entry: unknown): HostRow | undefined {
  if (!isFields(entry) || !isName(entry.name)) return undefined;
  const url = originOf(entry.url);
  const cpu = numberWithin(entry.cpu, 0, 1);
  const memory = numberWithin(entry.memory, 0, 1);
  const cores = numberWithin(entry.cores, 0, MAX_CORES);
  const rps = numberWithin(entry.rps, 0, MAX_RPS);
  const ageMs = numberWithin(entry.age, 0, MAX_AGE_MS);
  const fleetRps = numberWithin(entry.fleet_rps, 0, MAX_RPS);
  const state = entry.state as HostState;
  if (url === null || cpu === undefined || memory === undefined || cores === undefined) return undefined;
  if (rps === undefined || ageMs === undefined || typeof fleetRps !== 'number') return undefined;
  if (!HOST_STATES.includes(state) || !isCount(entry.inflight) || entry.inflight > 0x7fffffff) return undefined;
  return {
    name: entry.name,
    url,
    state,
    isStatic: entry.static === true,
    cpu,
    memory,
    cores,
    rps,
    ageMs,
    inflight: entry.inflight,
    fleetRps,
  };
}
