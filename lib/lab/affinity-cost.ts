// What it costs to hash a request's path and to pick the host of that key: for keys that were seen lately and for new ones,
// with equal and with different weights. First checks that two balancers with different slots come to the same host.

import type { HostRow } from '../model.js';
import { HashAffinity } from '../routing/affinity.js';
import { AffinityKey } from '../routing/affinity-key.js';
import { HostHashes } from '../routing/host-hashes.js';
import { TableReader } from '../table/reader.js';
import { bytesPerCall, openTableOf } from './picker.js';
import { median, rounded } from './statistics.js';

/** Picks of one repetition, times hosts: so that one with many hosts takes about as long. */
const LOOKS = 2_000_000;

/** Few enough to be remembered, and enough that none is met again while it is. */
const KNOWN_KEYS = 200;
const NEW_KEYS = 50_000;

/** The cost for one number of hosts. */
export interface AffinityCost {
  readonly hosts: number;
  readonly isWeighted: boolean;
  readonly knownNs: number;
  readonly newNs: number;
  readonly bytesPerPick: number;
}

/** Measures all sizes; the median of the repetitions. */
export function measureAffinity(sizes: readonly number[], rounds: number): { costs: AffinityCost[]; wrong: string[] } {
  const wrong: string[] = [];
  // In one piece, as a target comes from a socket.
  const targets = Array.from({ length: NEW_KEYS }, (_, index) => Buffer.from(`/articles/2026/item-${index}?page=2`).toString('latin1'));
  const costs = sizes.flatMap((hosts) =>
    [false, true].map((isWeighted): AffinityCost => {
      const names = Array.from({ length: hosts }, (_, index) => `host-${index}`);
      const [one, other] = [startBalancer(names, isWeighted), startBalancer(names.toReversed(), isWeighted)];
      const differing = targets.slice(0, 1000).filter((target) => one.pick(target) !== other.pick(target));
      if (differing.length > 0) wrong.push(`${hosts} hosts: balancers differ in ${differing.length} of 1000 keys`);
      const pickMany = (times: number, keys: number): void => {
        for (let i = 0, key = 0; i < times; i++, key = key + 1 < keys ? key + 1 : 0) one.pickSlot(targets[key] as string);
      };
      const nsOf = (keys: number): number => {
        const times = Math.max(NEW_KEYS / 10, Math.min(NEW_KEYS, Math.round(LOOKS / hosts)));
        pickMany(times, keys);
        return rounded(median(Array.from({ length: rounds }, () => nsPerCall(() => pickMany(times, keys), times))), 1);
      };
      const bytesPerPick = rounded(
        bytesPerCall((times) => pickMany(times, KNOWN_KEYS)),
        2,
      );
      return { hosts, isWeighted, knownNs: nsOf(KNOWN_KEYS), newNs: nsOf(NEW_KEYS), bytesPerPick };
    }),
  );
  return { costs, wrong };
}

/** A balancer that learned of these hosts in this order; all are idle. */
function startBalancer(names: readonly string[], isWeighted: boolean) {
  const { columns, writer } = openTableOf(
    names.map((name) => rowOf(name, isWeighted)),
    0,
  );
  const hashes = new HostHashes(columns.slots);
  const nameOf = new Map<number, string>();
  for (const { slot, name } of writer.hosts()) {
    hashes.set(slot, name);
    nameOf.set(slot, name);
  }
  const view = new TableReader(columns);
  const key = new AffinityKey({ of: 'path' });
  const affinity = new HashAffinity(hashes);
  const pickSlot = (target: string): number => {
    key.read(target, [], '');
    return affinity.pick(view, 0, -1, key.hi, key.lo);
  };
  return { pickSlot, pick: (target: string) => nameOf.get(pickSlot(target)) };
}

/** Weights depend on the name, and are 1, 2 or 3. */
function rowOf(name: string, isWeighted: boolean): HostRow {
  return {
    name,
    url: 'http://127.0.0.1:10000',
    state: 'up',
    isStatic: false,
    cpu: null,
    memory: null,
    cores: null,
    rps: null,
    ageMs: null,
    inflight: 0,
    longLived: 0,
    open: 0,
    fleetRps: 0,
    work: 0,
    capacity: null,
    speed: null,
    weight: isWeighted ? 1 + (name.charCodeAt(name.length - 1) % 3) : 1,
  };
}

function nsPerCall(run: () => void, times: number): number {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / times;
}
