// Rules about what clients and operators see: requests, recovery, settings, processes and what they hold.

import type { Allowance, EventOf, Rule, Violation } from './events.js';
import { forgedAt } from './forged.js';
import { withoutSignature } from '../../redis/signature.js';
import { median } from '../statistics.js';

/** Requests that were in flight while the machine stood still, or started within this time after it, prove nothing. */
const AFTER_STALL_MS = 1000;

/** Fewest samples of a process' memory that say whether it grows. */
const FEWEST_SAMPLES = 12;

/** The bound of `bench churn`: memory of the second half over that of the first. */
const MAX_GROWTH = 1.2;

/** Every balancer applies a setting within this time. */
const IN_FORCE_MS = 1000;

interface Span {
  readonly allowance: Allowance;
  untilMs: number;
}

/** Requests fail only where the run allows it. */
export const requestsAnswered: Rule = (events, promises) => {
  const found: Violation[] = [];
  const open = new Map<string, Span>();
  const spans: Span[] = [];
  const stalls: EventOf<'stall'>[] = [];
  const failed: EventOf<'request'>[] = [];
  for (const event of events) {
    if (event.kind === 'allow') {
      const span = { allowance: event, untilMs: Number.POSITIVE_INFINITY };
      open.set(event.id, span);
      spans.push(span);
    } else if (event.kind === 'forbid') {
      const span = open.get(event.id);
      if (span !== undefined) span.untilMs = event.atMs;
      open.delete(event.id);
    } else if (event.kind === 'stall') stalls.push(event);
    else if (event.kind === 'request' && event.problem !== '') failed.push(event);
  }
  const isForged = forgedAt(events, promises);
  for (const request of failed) {
    const { sentMs, atMs, balancer, method, isHttp2, problem } = request;
    if (isForged(sentMs) || isForged(atMs)) continue;
    if (stalls.some((stall) => sentMs <= stall.atMs + AFTER_STALL_MS && atMs >= stall.sinceMs)) continue;
    if (spans.some((span) => isAllowed(request, span))) continue;
    found.push({
      rule: 'requests are answered',
      atMs,
      what: `a ${method}${isHttp2 ? ' over HTTP/2' : ''} to ${balancer}, sent at ${seconds(sentMs)}, failed after ${Math.round(atMs - sentMs)} ms: ${problem}`,
    });
  }
  return found;
};

function isAllowed({ sentMs, atMs, balancer, method, problem }: EventOf<'request'>, { allowance, untilMs }: Span): boolean {
  const { balancers, minMs } = allowance;
  return (
    atMs >= allowance.atMs &&
    sentMs <= untilMs &&
    atMs - sentMs >= minMs &&
    (balancers?.includes(balancer) ?? true) &&
    (allowance.method === null || allowance.method === method) &&
    problem.startsWith(allowance.problem)
  );
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** After all faults of a round are healed the fleet is well within the promised time. */
export const wellInTime: Rule = (events, { wellWithinMs }) =>
  events.flatMap((event) =>
    event.kind === 'settled' && event.waitedMs > wellWithinMs
      ? [{ rule: 'well in time', atMs: event.atMs, what: `not well ${wellWithinMs} ms after healing: ${event.problem}` }]
      : [],
  );

/** A request that must not be repeated reaches one host, once. */
export const nothingTwice: Rule = (events) =>
  events.flatMap((event) =>
    event.kind === 'repeated'
      ? [{ rule: 'nothing twice', atMs: event.atMs, what: `POST ${event.path} was delivered to ${event.hosts.join(' and ')}` }]
      : [],
  );

/** What operators set survives. */
export const settingsSurvive: Rule = (events) =>
  events.flatMap((event) => {
    if (event.kind !== 'settings') return [];
    const wrong = [...new Set([...Object.keys(event.expected), ...Object.keys(event.found)])]
      .filter((field) => event.expected[field] !== event.found[field])
      .map((field) => `${field} is ${event.found[field] ?? 'unset'}, not ${event.expected[field] ?? 'unset'}`);
    return wrong.length === 0 ? [] : [{ rule: 'settings survive', atMs: event.atMs, what: wrong.join('; ') }];
  });

const isDrained = (value: string | undefined): boolean => value !== undefined && withoutSignature(value) === 'drained';

/**
 * No request is answered by a host that an operator took out, from a second after that. A balancer that started on a
 * Redis that lost the settings can't know them before the others have restored them.
 */
export const drainedIsIdle: Rule = (events) => {
  const found: Violation[] = [];
  const drainedSinceMs = new Map<string, number>();
  /** The life of each balancer, and whether it began after Redis had lost the settings. */
  const lives = new Map<string, { readonly life: number; readonly isUnaware: boolean }>();
  let isLost = false;
  let standAtMs = 0;
  for (const event of events) {
    if (event.kind === 'redis-lost') isLost = true;
    if (event.kind === 'settings') {
      isLost = false;
      standAtMs = event.atMs;
    }
    if (event.kind === 'health' && lives.get(event.balancer)?.life !== event.life)
      lives.set(event.balancer, { life: event.life, isUnaware: isLost });
    if (event.kind === 'operator') {
      for (const name of drainedSinceMs.keys()) if (!isDrained(event.expected[`host:${name}`])) drainedSinceMs.delete(name);
      for (const [field, value] of Object.entries(event.expected)) {
        const name = field.startsWith('host:') ? field.slice('host:'.length) : '';
        if (name !== '' && isDrained(value) && !drainedSinceMs.has(name)) drainedSinceMs.set(name, event.atMs);
      }
    }
    if (event.kind !== 'request' || event.host === '') continue;
    const sinceMs = drainedSinceMs.get(event.host);
    if (sinceMs === undefined || event.sentMs <= sinceMs + IN_FORCE_MS) continue;
    if (lives.get(event.balancer)?.isUnaware === true && (isLost || event.sentMs <= standAtMs + IN_FORCE_MS)) continue;
    found.push({ rule: 'drained is idle', atMs: event.atMs, what: `${event.balancer} sent a request to ${event.host}, which is drained` });
  }
  return found;
};

/** No process ends by itself. */
export const nothingEnds: Rule = (events) =>
  events.flatMap((event) =>
    event.kind === 'ended'
      ? [{ rule: 'nothing ends', atMs: event.atMs, what: [`${event.process} ended by itself`, ...event.lines].join('\n') }]
      : [],
  );

/** Descriptors, connections and keys come back to what they are at rest. */
export const resourcesComeBack: Rule = (events) =>
  events.flatMap((event) =>
    event.kind === 'resource' && event.now > event.atRest
      ? [{ rule: 'resources come back', atMs: event.atMs, what: `${event.what}: ${event.now}, and ${event.atRest} at rest` }]
      : [],
  );

/** The memory of a process does not grow with the faults it went through: compares the halves of its life. */
export const memoryComesBack: Rule = (events) => {
  const samples = new Map<string, EventOf<'memory'>[]>();
  for (const event of events) {
    if (event.kind !== 'memory') continue;
    const key = `${event.process}, life ${event.life}`;
    samples.set(key, [...(samples.get(key) ?? []), event]);
  }
  return [...samples].flatMap(([key, all]) => {
    const bytes = all.map((each) => each.bytes);
    const half = Math.ceil(bytes.length / 2);
    const [first, second] = [median(bytes.slice(0, half)), median(bytes.slice(half))];
    if (bytes.length < FEWEST_SAMPLES || second <= MAX_GROWTH * first) return [];
    const mb = (each: number): string => (each / 1e6).toFixed(0);
    return [
      {
        rule: 'memory comes back',
        atMs: all.at(-1)?.atMs ?? 0,
        what: `${key}: the median is ${mb(first)} MB in the first half and ${mb(second)} MB in the second`,
      },
    ];
  });
};
