// Host rows and tables for tests: what matters is said, the rest is filled in.

import type { HostRow, HostTable } from '../../lib/model.js';

/** A row of a host that is up, has an agent and reported just now. */
export function buildRow(name: string, fields: Partial<HostRow> = {}): HostRow {
  return {
    name,
    url: `http://${name.toLowerCase()}:8080`,
    state: 'up',
    isStatic: false,
    cpu: 0.5,
    memory: 0.4,
    cores: 4,
    rps: null,
    ageMs: 0,
    inflight: 0,
    longLived: 0,
    open: (fields.inflight ?? 0) + (fields.longLived ?? 0),
    fleetRps: 0,
    work: 0,
    capacity: null,
    speed: null,
    ...fields,
  };
}

/** The mastership that holds a term, when the test does not care. */
export function mastershipOf(term: number): string {
  return term.toString(16).padStart(16, '0');
}

/** The whole table of a master. */
export function buildTable(term: number, seq: number, hosts: readonly HostRow[], gone: readonly string[] = []): HostTable {
  return {
    stamp: { term, mastership: mastershipOf(term), seq },
    isFull: true,
    previousSeq: seq,
    hosts,
    figures: [],
    loads: [],
    acks: [],
    costs: null,
    gone,
  };
}

/** A change of a master's table. */
export function buildChange(term: number, seq: number, hosts: readonly HostRow[], gone: readonly string[] = []): HostTable {
  return {
    stamp: { term, mastership: mastershipOf(term), seq },
    isFull: false,
    previousSeq: seq - 1,
    hosts,
    figures: [],
    loads: [],
    acks: [],
    costs: null,
    gone,
  };
}
