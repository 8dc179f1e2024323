// Wire format of the whole fleet's figures: the master's messages on `view`, and the key `view` with how they came about.
// Lists without field names, as hosts may be thousands: `total` is `[rps, errors, inflight, QUANTILES]`, a pool the same
// after its name, a host `[name, rps, errors, p99 share, QUANTILES, balancer, why it ejected the host, …]`; QUANTILES are p50, p99
// and p99.9 of the last second, minute and 15 minutes, in ms.

import type {
  FleetFigures,
  HistoryPoint,
  HostTrafficFigures,
  PickMatrix,
  PoolFigures,
  Quantiles,
  SlowRequest,
  StoredView,
  TrafficFigures,
  Windows,
} from '../fleet-figures.js';
import { HOST_SECONDS, MAX_HISTORY_HOSTS, MAX_POINTS } from '../fleet-history.js';
import { MAX_POOLS } from '../model.js';
import { MAX_PICK_COLUMNS, MAX_PICK_ROWS } from '../pick-matrix.js';
import { DEFAULT_SLOTS } from '../table/layout.js';
import { type Decoded, decodeFields, type Fields, isCount, isFields, MESSAGE_VERSION, rejected } from './decode.js';
import { allOf, decodeSlow, encodeSlow, isReason, MAX_SLOWEST } from './figures-message.js';
import { isHostId, isMastership, isName, isPoolName } from './names.js';

/** Longer views are dropped unread; 16,384 hosts fit, also with the history that is stored. */
export const MAX_VIEW_LENGTH = 16 << 20;

/** Balancers of a fleet, and those that have ejected one host. */
const MAX_BALANCERS = 4096;

const MAX_RATE = 1e9;
const MAX_INFLIGHT = 0x7fffffff;
const MAX_MS = 1e9;

/** Rates and latencies stay as exact as they are worth reading; no message of a balancer can make the view invalid. */
const rounded = (value: number): number => Number(Math.min(value, MAX_RATE).toFixed(2));
const orNull = (ms: number | null): number | null => (ms === null ? null : Number(ms.toPrecision(4)));

const quantilesOf = ({ p50Ms, p99Ms, p999Ms }: Quantiles): (number | null)[] => [orNull(p50Ms), orNull(p99Ms), orNull(p999Ms)];

function windowsOf({ second, minute, quarterHour }: Windows): (number | null)[] {
  return [...quantilesOf(second), ...quantilesOf(minute), ...quantilesOf(quarterHour)];
}

const trafficOf = (figures: TrafficFigures): (number | null)[] => [
  rounded(figures.rps),
  rounded(figures.errorRps),
  Math.min(figures.inflight, MAX_INFLIGHT),
  ...windowsOf(figures),
];

function fieldsOf({ term, mastership, atMs, balancers, total, pools, hosts, picks, slowest }: FleetFigures): Fields {
  return {
    term,
    mastership,
    at: atMs,
    balancers: balancers.slice(0, MAX_BALANCERS),
    total: trafficOf(total),
    pools: pools.map((pool) => [pool.name, ...trafficOf(pool)]),
    hosts: hosts.map((host) => [
      ...[host.name, rounded(host.rps), rounded(host.errorRps), Number(host.p99Share.toFixed(4)), ...windowsOf(host)],
      ...host.ejectedBy.slice(0, MAX_BALANCERS).flat(),
    ]),
    picks,
    slowest: slowest.map((request) => [request.balancer, ...encodeSlow(request)]),
  };
}

/** Encodes the message. */
export function encodeView(figures: FleetFigures): string {
  return JSON.stringify({ v: MESSAGE_VERSION, ...fieldsOf(figures) });
}

/** Encodes what is stored. */
export function encodeStoredView({ figures, history, hostRps }: StoredView): string {
  return JSON.stringify({
    v: MESSAGE_VERSION,
    ...fieldsOf(figures),
    history: history.map((point) => [point.atMs, rounded(point.rps), rounded(point.errorRps), ...quantilesOf(point)]),
    host_rps: hostRps.map(([name, rps]) => [name, ...rps.map(rounded)]),
  });
}

/** Decodes a message; one invalid entry drops it all. */
export function decodeView(text: unknown): Decoded<FleetFigures> {
  const decoded = decodeFields(text, MAX_VIEW_LENGTH);
  return decoded.ok ? figuresOf(decoded.value) : decoded;
}

/** Decodes what is stored. */
export function decodeStoredView(text: unknown): Decoded<StoredView> {
  const decoded = decodeFields(text, MAX_VIEW_LENGTH);
  if (!decoded.ok) return decoded;
  const figures = figuresOf(decoded.value);
  if (!figures.ok) return figures;
  const { history, host_rps } = decoded.value;
  if (!isList(history, MAX_POINTS) || !isList(host_rps, MAX_HISTORY_HOSTS)) return rejected('malformed');
  const points = allOf(history, pointOf);
  const hostRps = allOf(host_rps, hostRpsOf);
  if (points === undefined || hostRps === undefined) return rejected('malformed');
  return { ok: true, value: { figures: figures.value, history: points, hostRps } };
}

function figuresOf(fields: Fields): Decoded<FleetFigures> {
  const { term, mastership, at, balancers, pools, hosts, slowest } = fields;
  if (!isCount(term) || term === 0 || !isMastership(mastership) || !isTime(at)) return rejected('malformed');
  if (!isList(balancers, MAX_BALANCERS) || !balancers.every(isName)) return rejected('malformed');
  if (!isList(pools, MAX_POOLS) || !isList(hosts, DEFAULT_SLOTS) || !isList(slowest, MAX_SLOWEST)) return rejected('malformed');
  const total = totalOf(fields.total);
  const picks = picksOf(fields.picks);
  const value = { pools: allOf(pools, poolOf), hosts: allOf(hosts, hostOf), slowest: allOf(slowest, slowOf) };
  if (total === undefined || picks === undefined) return rejected('malformed');
  if (value.pools === undefined || value.hosts === undefined || value.slowest === undefined) return rejected('malformed');
  const { pools: poolFigures, hosts: hostFigures, slowest: requests } = value;
  return {
    ok: true,
    value: { term, mastership, atMs: at, balancers, total, pools: poolFigures, hosts: hostFigures, picks, slowest: requests },
  };
}

const isList = (value: unknown, max: number): value is unknown[] => Array.isArray(value) && value.length <= max;
const isTime = (value: unknown): value is number => isAmount(value, Number.MAX_SAFE_INTEGER);
const isRate = (value: unknown): value is number => isAmount(value, MAX_RATE);
const isMsOrNull = (value: unknown): value is number | null => value === null || isAmount(value, MAX_MS);

function isAmount(value: unknown, max: number): value is number {
  return typeof value === 'number' && value >= 0 && value <= max;
}

/** The quantiles of three windows; undefined if invalid. */
function readWindows(entries: readonly unknown[]): Windows | undefined {
  if (entries.length !== 9 || !entries.every(isMsOrNull)) return undefined;
  const at = (from: number): Quantiles => ({
    p50Ms: entries[from] as number | null,
    p99Ms: entries[from + 1] as number | null,
    p999Ms: entries[from + 2] as number | null,
  });
  return { second: at(0), minute: at(3), quarterHour: at(6) };
}

function totalOf(entry: unknown): TrafficFigures | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [rps, errorRps, inflight, ...rest] = entry as unknown[];
  if (!isRate(rps) || !isRate(errorRps) || !isCount(inflight) || inflight > MAX_INFLIGHT) return undefined;
  const windows = readWindows(rest);
  return windows && { rps, errorRps, inflight, ...windows };
}

function poolOf(entry: unknown): PoolFigures | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [name, ...rest] = entry as unknown[];
  const figures = totalOf(rest);
  return isPoolName(name) && figures !== undefined ? { name, ...figures } : undefined;
}

function hostOf(entry: unknown): HostTrafficFigures | undefined {
  if (!Array.isArray(entry) || entry.length > 13 + 2 * MAX_BALANCERS) return undefined;
  const [name, rps, errorRps, p99Share] = entry as unknown[];
  if (!isHostId(name) || !isRate(rps) || !isRate(errorRps) || !isAmount(p99Share, 1)) return undefined;
  const windows = readWindows(entry.slice(4, 13));
  if (windows === undefined) return undefined;
  const ejectedBy: (readonly [string, string])[] = [];
  for (let at = 13; at < entry.length; at += 2) {
    const [balancer, reason] = [entry[at] as unknown, entry[at + 1] as unknown];
    if (!isName(balancer) || !isReason(reason)) return undefined;
    ejectedBy.push([balancer, reason]);
  }
  return { name, rps, errorRps, p99Share, ...windows, ejectedBy };
}

function picksOf(value: unknown): PickMatrix | undefined {
  if (!isFields(value)) return undefined;
  const { balancers, hosts, picks } = value;
  if (!isList(balancers, MAX_PICK_ROWS) || !isList(hosts, MAX_PICK_COLUMNS) || !Array.isArray(picks)) return undefined;
  if (!balancers.every(isName) || !hosts.every(isHostId) || picks.length !== balancers.length) return undefined;
  const isRow = (row: unknown): row is number[] => Array.isArray(row) && row.length === hosts.length && row.every(isCount);
  return picks.every(isRow) ? { balancers, hosts, picks } : undefined;
}

function slowOf(entry: unknown): SlowRequest | undefined {
  if (!Array.isArray(entry)) return undefined;
  const [balancer, ...rest] = entry as unknown[];
  return isName(balancer) ? decodeSlow(rest, balancer) : undefined;
}

function pointOf(entry: unknown): HistoryPoint | undefined {
  if (!isList(entry, 6) || entry.length !== 6) return undefined;
  const [atMs, rps, errorRps, ...quantiles] = entry;
  if (!isTime(atMs) || !isRate(rps) || !isRate(errorRps) || !quantiles.every(isMsOrNull)) return undefined;
  const [p50Ms, p99Ms, p999Ms] = quantiles as [number | null, number | null, number | null];
  return { atMs, rps, errorRps, p50Ms, p99Ms, p999Ms };
}

function hostRpsOf(entry: unknown): readonly [string, readonly number[]] | undefined {
  if (!isList(entry, 1 + HOST_SECONDS)) return undefined;
  const [name, ...rps] = entry;
  return isHostId(name) && rps.every(isRate) ? [name, rps] : undefined;
}
