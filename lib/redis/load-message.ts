// Wire format of the load messages that balancers publish on `load`. Hosts are arrays without field names,
// `[name, inflight, work, served, mean_inflight, work_done, durations, work², work·duration, duration²,
// open, long_lived, class, count, durations, class, count, durations, …]`: there can be thousands of them, sent many times a second.

import { type HostLoad, type LoadMessage, MAX_CLASSES, MAX_POOLS, type StaticHost } from '../model.js';
import { type Decoded, decodeFields, isCount, isFields, isHostWeight, MESSAGE_VERSION, rejected } from './decode.js';
import { originOf } from '../host-origin.js';
import { isHostAuthority, isHostId, isName } from './names.js';

/** A load message longer than this is dropped unread: 16,384 hosts with long names fit. */
export const MAX_LOAD_LENGTH = 8 << 20;

/** Elements of a host's list before its counts. */
const FIXED = 12;

/** Longest class name, which is a pool, a method and a route; see `request-classes.ts`. */
const MAX_CLASS_NAME = 370;

/** Class ids of a balancer are below this. */
const MAX_CLASS_IDS = MAX_CLASSES * MAX_POOLS;

/** Encodes a load message. */
export function encodeLoad(message: LoadMessage): string {
  const { balancer, instance, seq, classes, said, isFull, statics, limits } = message;
  return JSON.stringify({
    v: MESSAGE_VERSION,
    balancer,
    instance,
    seq,
    ...(classes.length > 0 && { classes }),
    ...(said.length > 0 && { said }),
    ...(isFull && { full: true, statics: statics.map(encodeStatic) }),
    hosts: message.hosts.map(encodeHost),
    ...(limits !== undefined && { limits }),
  });
}

function encodeStatic({ name, url, authority, weight }: StaticHost): StaticHost {
  return { name, url, ...(authority !== undefined && { authority }), ...(weight !== undefined && weight !== 1 && { weight }) };
}

function encodeHost({ host, inflight, open, longLived, work, served, meanInflight, evidence, counts }: HostLoad): unknown[] {
  const { work: workDone, durations, workSquares, workByDuration, durationSquares } = evidence;
  const speed = [workDone, durations, workSquares, workByDuration, durationSquares];
  return [host, inflight, work, served, meanInflight, ...speed, open, longLived, ...counts];
}

/** Decodes a load message; one invalid entry drops the whole message, since a part of it would be miscounted. */
export function decodeLoad(text: unknown): Decoded<LoadMessage> {
  const decoded = decodeFields(text, MAX_LOAD_LENGTH);
  if (!decoded.ok) return decoded;
  const { balancer, instance, seq, full, hosts, classes = [], said = [], statics = [], limits } = decoded.value;
  if (!isName(balancer) || !isName(instance)) return rejected('name');
  if (!isCount(seq) || !Array.isArray(hosts) || !Array.isArray(classes) || !Array.isArray(statics)) return rejected('malformed');
  const loads: HostLoad[] = [];
  for (const entry of hosts) {
    if (!Array.isArray(entry)) return rejected('malformed');
    if (!isHostId(entry[0])) return rejected('name');
    const load = decodeHost(entry as [string, ...unknown[]]);
    if (load === undefined) return rejected('malformed');
    loads.push(load);
  }
  if (!classes.every(isClass) || !Array.isArray(said) || !said.every(isSaid)) return rejected('malformed');
  const staticHosts: StaticHost[] = [];
  for (const entry of statics) {
    if (!isFields(entry) || !isHostId(entry.name)) return rejected('name');
    const url = originOf(entry.url);
    const { authority, weight = 1 } = entry;
    if (url === null || (authority !== undefined && !isHostAuthority(authority)) || !isHostWeight(weight)) return rejected('malformed');
    staticHosts.push({ name: entry.name, url, ...(authority !== undefined && { authority }), ...(weight !== 1 && { weight }) });
  }
  return {
    ok: true,
    value: {
      ...{ balancer, instance, seq, classes, said, isFull: full === true, hosts: loads, statics: staticHosts },
      ...(limits !== undefined && { limits }),
    },
  };
}

function decodeHost(entry: [string, ...unknown[]]): HostLoad | undefined {
  const [host, inflight, work, served, ...amounts] = entry.slice(0, FIXED) as [string, ...unknown[]];
  if (!isCount(inflight) || !isCount(served) || inflight > 0x7fffffff) return undefined;
  if (!isAmount(work) || amounts.length !== FIXED - 4 || !amounts.every(isAmount)) return undefined;
  const [open, longLived] = amounts.slice(-2);
  if (!isCount(open) || !isCount(longLived) || open > 0x7fffffff || longLived > open) return undefined;
  const [meanInflight, workDone, durations, workSquares, workByDuration, durationSquares] = amounts as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const counts = entry.slice(FIXED);
  if (counts.length > 3 * MAX_CLASSES || counts.length % 3 !== 0) return undefined;
  if (!counts.every((each, i) => (i % 3 === 2 ? isAmount(each) : isCount(each) && (i % 3 === 1 || each < MAX_CLASS_IDS)))) return undefined;
  const evidence = { work: workDone, durations, workSquares, workByDuration, durationSquares };
  return { host, inflight, open, longLived, work, served, meanInflight, evidence, counts: counts as number[] };
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

function isClass(entry: unknown): entry is readonly [number, string] {
  if (!Array.isArray(entry)) return false;
  const [id, name] = entry as unknown[];
  return isCount(id) && id < MAX_CLASS_IDS && isClassName(name);
}

function isSaid(entry: unknown): entry is readonly [number, number, number] {
  if (!Array.isArray(entry)) return false;
  const [id, count, cpuMs] = entry as unknown[];
  return isCount(id) && id < MAX_CLASS_IDS && isCount(count) && isAmount(cpuMs);
}

/** Whether this is a valid class name: short, and without control characters. */
export function isClassName(name: unknown): name is string {
  return typeof name === 'string' && name.length > 0 && name.length <= MAX_CLASS_NAME && /^[\x20-\x7e]+$/.test(name);
}
