// Metrics of hosts. What a balancer counts itself and its own view of each host come from every balancer; what the master
// knows of hosts for the whole fleet comes from the master alone, so that sums over balancers count nothing twice.

import { HOST_STATES, OPERATOR_STATES } from '../../model.js';
import { labelsOf, type MetricFamily, type MetricSample } from './exposition.js';
import type { ShownHost, MetricsFacts } from './facts.js';

/** The states of `meercat_host_status`, in order. */
export const STATUS_LABELS = [...HOST_STATES, 'drained', 'ejected_by_operator', 'ejected'] as const;

/** One value for each host, and the sum of those that are shown as one. */
function* sums({ hosts }: MetricsFacts, valueOf: (slot: number) => number): Generator<MetricSample> {
  for (const { labels, slots } of hosts) yield { labels, value: slots.reduce((sum, slot) => sum + valueOf(slot), 0) };
}

/** One value for each host that is shown by itself. */
function* singles({ hosts }: MetricsFacts, valueOf: (slot: number) => number): Generator<MetricSample> {
  for (const { labels, slots, isRest } of hosts) if (!isRest) yield { labels, value: valueOf(slots[0] as number) };
}

/** What only the master tells. */
const ofMaster = (facts: MetricsFacts, samples: Iterable<MetricSample>): Iterable<MetricSample> => (facts.isMaster ? samples : []);

/** 1 for each state that a host is in. */
function* states({ hosts, columns, nowMs }: MetricsFacts): Generator<MetricSample> {
  for (const { labels, slots, isRest } of hosts) {
    if (isRest) continue;
    const slot = slots[0] as number;
    const operator = OPERATOR_STATES[(columns.operator[slot] as number) - 1];
    for (const state of STATUS_LABELS) {
      const isIt =
        state === HOST_STATES[columns.state[slot] as number] ||
        (state === 'drained' && operator === 'drained') ||
        (state === 'ejected_by_operator' && operator === 'ejected') ||
        (state === 'ejected' && (columns.ejectedUntil[slot] as number) > nowMs);
      yield { labels: `${labels},${labelsOf({ state })}`, value: isIt ? 1 : 0 };
    }
  }
}

/** The distribution of a group. */
function distributionOf({ columns, histograms }: MetricsFacts, { slots }: ShownHost): { cumulative: number[]; sumMs: number } {
  const [first, ...rest] = slots as readonly [number, ...number[]];
  const cumulative = histograms.read(columns, first);
  let sumMs = columns.hostLatencySumMs[first] as number;
  for (const slot of rest) {
    for (const [i, count] of histograms.read(columns, slot).entries()) cumulative[i] = (cumulative[i] as number) + count;
    sumMs += columns.hostLatencySumMs[slot] as number;
  }
  return { cumulative, sumMs };
}

const HOST = ['pool', 'host'] as const;

/** Families that every balancer has. */
export const HOST_METRICS: readonly MetricFamily<MetricsFacts>[] = [
  {
    name: 'meercat_host_response_seconds',
    type: 'histogram',
    labels: HOST,
    help: 'How long a host took for a request of this balancer',
    *samples(facts) {
      for (const group of facts.hosts) {
        const { cumulative, sumMs } = distributionOf(facts, group);
        yield { labels: group.labels, cumulative, sum: sumMs / 1000 };
      }
    },
  },
  {
    name: 'meercat_host_attempts_total',
    type: 'counter',
    labels: HOST,
    help: 'Attempts of this balancer that began on a host, which are its picks',
    samples: (facts) => sums(facts, (slot) => facts.columns.attempts[slot] as number),
  },
  {
    name: 'meercat_host_errors_total',
    type: 'counter',
    labels: HOST,
    help: 'Attempts of this balancer that failed on a host, or were answered 5xx',
    samples: (facts) => sums(facts, (slot) => facts.columns.hostErrors[slot] as number),
  },
  {
    name: 'meercat_host_inflight',
    type: 'gauge',
    labels: HOST,
    help: 'Requests of this balancer in flight on a host',
    samples: (facts) => sums(facts, (slot) => facts.columns.inflight[slot] as number),
  },
  {
    name: 'meercat_host_queue',
    type: 'gauge',
    labels: HOST,
    help: 'Requests of this balancer that wait for room on a host',
    samples: (facts) => sums(facts, (slot) => facts.columns.queued[slot] as number),
  },
  {
    name: 'meercat_host_status',
    type: 'gauge',
    labels: [...HOST, 'state'],
    help: `1 for the states that a host is in, as this balancer sees it: ${STATUS_LABELS.slice(0, 3).join(', ')} exclude each other; ejected: by this balancer`,
    samples: states,
  },
];

/** Families that only the master has. */
export const FLEET_HOST_METRICS: readonly MetricFamily<MetricsFacts>[] = [
  {
    name: 'meercat_host_capacity',
    type: 'gauge',
    labels: HOST,
    help: 'Work that a host does at the same time, in ms of CPU per ms: about the cores that it has for requests',
    samples: (facts) =>
      ofMaster(
        facts,
        singles(facts, (slot) => facts.columns.capacity[slot] as number),
      ),
  },
  {
    name: 'meercat_host_work_seconds',
    type: 'gauge',
    labels: HOST,
    help: "Expected work of the whole fleet's requests in flight on a host, in seconds of CPU",
    samples: (facts) =>
      ofMaster(
        facts,
        sums(facts, (slot) => (facts.columns.fleetWork[slot] as number) / 1000),
      ),
  },
  {
    name: 'meercat_host_cpu_ratio',
    type: 'gauge',
    labels: HOST,
    help: 'CPU of a host in use, by its last report',
    samples: (facts) =>
      ofMaster(
        facts,
        singles(facts, (slot) => facts.columns.cpu[slot] as number),
      ),
  },
  {
    name: 'meercat_host_memory_ratio',
    type: 'gauge',
    labels: HOST,
    help: 'Memory of a host in use, by its last report',
    samples: (facts) =>
      ofMaster(
        facts,
        singles(facts, (slot) => facts.columns.memory[slot] as number),
      ),
  },
  {
    name: 'meercat_host_report_age_seconds',
    type: 'gauge',
    labels: HOST,
    help: 'Age of the last report of a host',
    samples: (facts) =>
      ofMaster(
        facts,
        singles(facts, (slot) => (facts.nowMs - (facts.columns.reportedAt[slot] as number)) / 1000),
      ),
  },
];
