// What one turn of one contestant showed, and the figures of a load over several rounds. Pure.

import type { TurnDone } from '../arrivals.js';
import { percentile } from '../statistics.js';
import type { HostsSeen } from '../virtual-hosts.js';
import type { Use } from './contestants.js';
import { spreadOf } from './faults-judge.js';
import type { LoadFigures, Spread } from './figures.js';

/** One turn. */
export interface Sample {
  /** Sorted; from when each request was due. */
  readonly latencyMs: Float64Array;
  /** Share (0..1) of requests that failed or were not answered in time. */
  readonly errors: number;
  /** By how much more the number of waiting requests grew than chance explains, as a share of the requests of the measured time. */
  readonly backlog: number;
  readonly hostMaxOverMean: number;
  readonly jain: number;
  /** 0 without balancers. */
  readonly cpuMicros: number;
  readonly coordinationCores: number | null;
  readonly messagesPerSecond: number | null;
  /** Why figures of this turn are wrong, if they are. */
  readonly wrong: readonly string[];
}

/** Evaluates a turn of this length; without readings for the floor. */
export function sampleOf(turn: TurnDone, { hosts }: HostsSeen, seconds: number, used: readonly [before: Use, after: Use] | null): Sample {
  const busy = hosts.map((each) => each.busy);
  const answered = hosts.reduce((sum, each) => sum + each.answered, 0);
  const failed = Object.values(turn.failed).reduce((sum, count) => sum + count, 0);
  const [before, after] = used ?? [];
  const perSecond = (of: (use: Use) => number | null): number | null => {
    const [from, to] = [before && of(before), after && of(after)];
    return typeof from === 'number' && typeof to === 'number' ? (to - from) / seconds : null;
  };
  const cpuCores = perSecond(({ cpuSeconds }) => cpuSeconds) ?? 0;
  return {
    latencyMs: turn.latencyMs.toSorted(),
    errors: turn.sent === 0 ? 1 : (failed + turn.unfinished) / turn.sent,
    backlog: (turn.grown - chanceOf(turn.latencyMs, seconds)) / Math.max(1, turn.latencyMs.length),
    hostMaxOverMean: Math.max(...busy) / (busy.reduce((sum, each) => sum + each, 0) / busy.length),
    jain: jainOf(busy),
    cpuMicros: (cpuCores * seconds * 1e6) / answered,
    coordinationCores: perSecond(({ coordinationSeconds }) => coordinationSeconds),
    messagesPerSecond: perSecond(({ messages }) => messages),
    wrong: turn.wrong,
  };
}

/**
 * How far the number of waiting requests differs between two moments by chance: three standard deviations of the
 * difference of two Poisson numbers, whose mean is as many as arrive in the mean latency (Little's law).
 */
export function chanceOf(latencyMs: Float64Array, seconds: number): number {
  const waiting = latencyMs.reduce((sum, each) => sum + each, 0) / 1000 / seconds;
  return 3 * Math.sqrt(2 * waiting);
}

/** Jain's fairness index ("A quantitative measure of fairness", 1984): 1 if all are equal, 1/n if one has it all. */
export function jainOf(values: readonly number[]): number {
  const sum = values.reduce((total, each) => total + each, 0);
  return sum === 0 ? 1 : sum ** 2 / (values.length * values.reduce((total, each) => total + each ** 2, 0));
}

/**
 * The figures of a load, from one sample of the contestant and one of the floor for each round. The median of a latency is
 * that of the requests of all rounds together, least and most are those of single rounds; all else is spread over rounds.
 */
export function loadFiguresOf(percent: number, perSecond: number, samples: readonly Sample[], floor: readonly Sample[]): LoadFigures {
  const pooled = Float64Array.from(samples.flatMap(({ latencyMs }) => [...latencyMs])).toSorted();
  const latency = (fraction: number): Spread => ({
    ...spreadOf(samples.map(({ latencyMs }) => percentile(latencyMs, fraction))),
    median: percentile(pooled, fraction),
  });
  const over = (of: (sample: Sample) => number): Spread => spreadOf(samples.map(of));
  const ifAny = (of: (sample: Sample) => number | null): Spread | null => {
    const values = samples.map(of).filter((value) => value !== null);
    return values.length === 0 ? null : spreadOf(values);
  };
  const p50Of = ({ latencyMs }: Sample): number => percentile(latencyMs, 0.5);
  return {
    percent,
    perSecond,
    p50Ms: latency(0.5),
    p99Ms: latency(0.99),
    p999Ms: latency(0.999),
    errors: over(({ errors }) => errors),
    hostMaxOverMean: over(({ hostMaxOverMean }) => hostMaxOverMean),
    jain: over(({ jain }) => jain),
    cpuMicros: over(({ cpuMicros }) => cpuMicros),
    coordinationCores: ifAny(({ coordinationCores }) => coordinationCores),
    messagesPerSecond: ifAny(({ messagesPerSecond }) => messagesPerSecond),
    addedP50Ms: spreadOf(samples.map((sample, round) => p50Of(sample) - p50Of(floor[round] as Sample))),
  };
}

/** The objective that a load must meet to count as served. */
export interface Slo {
  /** p99 may be this many times that of the floor. */
  readonly timesFloor: number;
  /** Share (0..1) of requests that may fail. */
  readonly errors: number;
  /** {@link Sample.backlog} above which a balancer falls behind. */
  readonly backlog: number;
}

/** Why a turn does not meet the objective; null if it does. */
export function breachOf({ latencyMs, errors, backlog }: Sample, slo: Slo, floorP99Ms: number): string | null {
  if (!(errors < slo.errors)) return `${(errors * 100).toFixed(1)} % errors`;
  const times = percentile(latencyMs, 0.99) / floorP99Ms;
  if (!(times <= slo.timesFloor)) return `p99 ${times.toFixed(1)} times the floor's`;
  if (backlog > slo.backlog) return `falls behind by ${(backlog * 100).toFixed(1)} %`;
  return null;
}
