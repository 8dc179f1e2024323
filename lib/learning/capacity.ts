// Estimates what a host can do now: its speed, the work it does per ms for a single request, and its capacity, the work
// it does per ms for all of them. Learned from served requests and the agent's figures. Pure: one small state per host,
// which the master keeps.
//
// Both follow from the rate at which requests are served: rate = work / duration, summed over finished requests. A host
// with idle cores serves each at its own speed. A busy one shares its cores, so that the rate falls, and rate × requests
// in flight is its throughput (J. D. C. Little, "A Proof for the Queuing Formula L = λW", Operations Research 9(3), 1961).
// Idle CPU comes on top, and only the agent knows it. What other processes take is in neither, as it should be.

import type { SpeedEvidence } from '../model.js';
import { EQUAL } from '../routing/adaptive.js';
import { forgottenAfter } from '../routing/forgetting.js';
import { MOST_UNITS } from './robust-fit.js';

/** Minimum half-life of the evidence, in ms: noise of a few requests must not show, and a busy host must, before its next report. */
const HALF_LIFE_MS = 100;

/** Share of its speed at which a host without an agent serves requests once it is saturated; nearer to 1 may be chance. */
const SATURATED = 0.85;

/** Memory use (0..1) above which a host slows down, until it can do nothing with all memory in use. */
const MEMORY_TIGHT = 0.9;

/** Maximum of a speed, as a multiple of the median: a host that answers without working must not get everything. */
const MAX_OVER_MEDIAN = 2;

/** What is known of one host's capacity. */
export interface CapacityState {
  /** Finished requests and their evidence; exponentially decayed sums. */
  served: number;
  work: number;
  durations: number;
  workSquares: number;
  workByDuration: number;
  durationSquares: number;
  meanInflight: number;
  /** How long nothing has finished although requests are in flight. */
  stalledMs: number;
  /** Work done per ms and cores in use, averaged over a few reports of the agent. */
  throughput: number;
  busyCores: number;
  /** In ms of work per ms: for a single request, and for the whole host; NaN while unknown. */
  speed: number;
  capacity: number;
}

/** What was observed on a host since the last update. */
export interface CapacitySeen {
  readonly elapsedMs: number;
  readonly served: number;
  readonly evidence: SpeedEvidence;
  /** Average requests in flight, and the expected work of those still in flight. */
  readonly meanInflight: number;
  readonly work: number;
}

/** The agent's recent figures; null is unknown. */
export interface CapacityFigures {
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly cores: number | null;
}

/** What all hosts together show; NaN while unknown. */
export interface FleetSpeeds {
  /** Lower median of the speeds, and median of the capacities. */
  readonly median: number;
  readonly capacity: number;
  /** Lower median of what a core does per ms. */
  readonly perCore: number;
  /** Mean speed of the hosts that serve, weighted by their requests. */
  readonly serving: number;
}

/** The state of an unknown host. */
export function startCapacity(): CapacityState {
  return {
    served: 0,
    work: 0,
    durations: 0,
    workSquares: 0,
    workByDuration: 0,
    durationSquares: 0,
    meanInflight: 0,
    stalledMs: 0,
    throughput: 0,
    busyCores: 0,
    speed: Number.NaN,
    capacity: Number.NaN,
  };
}

/**
 * Updates a host's state from what was observed.
 * @param speeds those of all hosts
 * @param minHalfLifeMs lower bound of the half-life: longer than the interval between messages
 */
export function updateCapacity(
  state: CapacityState,
  seen: CapacitySeen,
  figures: CapacityFigures,
  speeds: FleetSpeeds,
  minHalfLifeMs = 0,
): void {
  if (!(seen.elapsedMs > 0)) return;
  const halfLifeMs = Math.max(HALF_LIFE_MS, minHalfLifeMs);
  const keep = keptOf(state, seen, halfLifeMs);
  addEvidence(state, seen, keep);
  if (seen.served === 0 && seen.meanInflight === 0) forget(state, seen.elapsedMs, figures, speeds);
  else if (state.durations > 0 && state.work > 0) learnServed(state, seen, figures, speeds, keep);
  learnStalled(state, seen, speeds, halfLifeMs);
}

/** Fraction of the evidence that is kept: it spans a half-life, or as many requests as are needed, but fades like any belief. */
function keptOf(state: CapacityState, { elapsedMs, served }: CapacitySeen, halfLifeMs: number): number {
  const needed = state.served > 0 ? Math.max(1, state.served * (relativeError(state) / EQUAL) ** 2) : 1;
  return Math.min(Math.max(0.5 ** (elapsedMs / halfLifeMs), (1 - 1 / needed) ** served), 1 - forgottenAfter(elapsedMs));
}

function addEvidence(state: CapacityState, { served, evidence, meanInflight }: CapacitySeen, keep: number): void {
  scaleEvidence(state, keep, 1);
  state.served += served;
  state.work += evidence.work;
  state.durations += evidence.durations;
  state.workSquares += evidence.workSquares;
  state.workByDuration += evidence.workByDuration;
  state.durationSquares += evidence.durationSquares;
  state.meanInflight += (meanInflight - state.meanInflight) * (1 - keep);
}

/** Learns from finished requests. */
function learnServed(state: CapacityState, seen: CapacitySeen, figures: CapacityFigures, speeds: FleetSpeeds, keep: number): void {
  const { median, serving } = speeds;
  const error = relativeError(state);
  const rate = state.work / state.durations;
  // Where little is known, the host is like the others (shrinkage: W. James and C. Stein, 1961).
  const trust = serving > 0 ? EQUAL ** 2 / (EQUAL ** 2 + error ** 2) : 1;
  const likely = trust < 1 ? 1 / (trust / rate + (1 - trust) / serving) : rate;
  const follow = 1 - keep;
  const used = rate * state.meanInflight;
  // A busy host serves each request more slowly at the same speed. So what seems a lower speed is one as far as cores are idle.
  const busy = Math.min(1, state.meanInflight, figures.cpu ?? 1);
  if (Number.isNaN(state.speed)) state.speed = likely;
  else state.speed += (likely - state.speed) * follow * (likely > state.speed ? 1 : (1 - busy) ** 2);
  if (median > 0) state.speed = Math.min(state.speed, MAX_OVER_MEDIAN * median);

  const speed = settled(state.speed, median);
  // The share of its speed at which the host serves each request, unless it is chance.
  const ease = Math.min(1, (rate / speed) * (1 + 2 * error));
  learnPerCore(state, seen, figures);
  const perCore = Math.min(perCoreOf(state), MAX_OVER_MEDIAN * speeds.perCore);
  const believed = pulled(state.capacity, speeds.capacity, forgottenAfter(seen.elapsedMs));
  const found = foundCapacity({ used, ease, speed, perCore, believed, others: speeds.capacity }, figures);
  if (Number.isNaN(found)) return;
  const limited = found * memoryFactor(figures.memory);
  if (Number.isNaN(state.capacity)) state.capacity = limited;
  else state.capacity += (limited - state.capacity) * follow;
  state.capacity = Math.max(state.capacity, leastCapacity(speed, figures));
}

/**
 * Fades the evidence of a host without requests into the other hosts' mean, as it can't show its capacity. The agent's
 * figures need no requests.
 */
function forget(state: CapacityState, elapsedMs: number, figures: CapacityFigures, speeds: FleetSpeeds): void {
  const forgotten = forgottenAfter(elapsedMs);
  state.speed += (speeds.serving - state.speed) * forgotten || 0;
  const speed = settled(state.speed, speeds.median);
  const whole = hasCores(figures) ? figures.cores * speed : speeds.capacity;
  const expected = (1 - (figures.cpu ?? 0)) * whole * memoryFactor(figures.memory);
  state.capacity = Math.max(pulled(state.capacity, expected, forgotten), leastCapacity(speed, figures));
}

/** Learns from unfinished requests: since the stall began the host did less than the work it has in flight. */
function learnStalled(
  state: CapacityState,
  { elapsedMs, served, meanInflight, work }: CapacitySeen,
  { median }: FleetSpeeds,
  halfLifeMs: number,
): void {
  state.stalledMs = served > 0 || !(meanInflight > 0 && work > 0) ? 0 : state.stalledMs + elapsedMs;
  if (state.stalledMs <= halfLifeMs) return;
  const speed = state.speed > 0 ? state.speed : median;
  const most = work / state.stalledMs;
  if (!(most < EQUAL * speed * meanInflight)) return;
  if (!(state.capacity <= most)) state.capacity = most;
}

/**
 * Rescales a host's state after costs, and so the unit of work, changed by `factor`. The fraction `moved` (0..1) of the
 * work was attributed to wrong classes: the host's difference to others is discounted by it, since it may come from its
 * mix of requests.
 * @param meanRate work per request and ms over all hosts, in the old unit
 */
export function rescaleCapacity(state: CapacityState, factor: number, moved: number, meanRate: number): void {
  const kept = (1 - moved) ** 2;
  scaleEvidence(state, kept, factor);
  state.throughput *= factor;
  if (meanRate > 0) state.speed += (meanRate - state.speed) * (1 - kept);
  state.speed *= factor;
  state.capacity *= factor;
}

/** A speed that may equal the median does: the difference may be chance. */
function settled(speed: number, median: number): number {
  return Math.abs(speed - median) <= EQUAL * median ? median : speed;
}

/** Decays the evidence to `kept`, and converts its work to a unit of `1 / factor`. */
function scaleEvidence(state: CapacityState, kept: number, factor: number): void {
  state.served *= kept;
  state.work *= kept * factor;
  state.durations *= kept;
  state.workSquares *= kept * factor * factor;
  state.workByDuration *= kept * factor;
  state.durationSquares *= kept;
}

/**
 * Relative standard error of work / durations (W. G. Cochran, "Sampling Techniques", section 6.4: the ratio estimator), as
 * if one more request had been off by its whole work: a few equal requests prove little. Infinity without evidence, also
 * if it has faded until its squares are zero, or if all answers were errors, which are no evidence.
 */
function relativeError({ served, work, durations, workSquares, workByDuration, durationSquares }: CapacityState): number {
  const rate = work / durations;
  const residuals = Math.max(0, workSquares - 2 * rate * workByDuration + rate * rate * durationSquares);
  const error = Math.sqrt(residuals / (work * work) + 1 / (served * served));
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

/**
 * The capacity that follows from the throughput (`used`), the share of its speed at which the host serves each request
 * (`ease`), the other hosts, and what is `believed` without evidence; NaN while nothing shows it.
 */
function foundCapacity(
  { used, ease, speed, perCore, believed, others }: Readonly<Record<'used' | 'ease' | 'speed' | 'perCore' | 'believed' | 'others', number>>,
  figures: CapacityFigures,
): number {
  // A host that serves requests at half its speed has no idle cores, whatever an old report says.
  const idle = (1 - (figures.cpu ?? 0)) * Math.max(0, 2 * ease - 1);
  if (hasCores(figures)) {
    // Throughput and CPU may each be off by `EQUAL`.
    const all = figures.cores * (perCore > (1 + EQUAL) ** 2 * speed ? perCore : speed);
    return Math.min(used + idle * all, all);
  }
  // Without a number of cores the machine is as the others', or larger if the CPU in use shows more, taken as ours.
  if (figures.cpu !== null && figures.cpu > EQUAL && used > 0) {
    const shown = used / figures.cpu;
    return used + idle * (others > shown ? others : shown);
  }
  // Requests alone: a saturated host shows its capacity, any other can do a little more than it does.
  if (ease < SATURATED) return used;
  const shown = (1 + EQUAL) * used;
  if (Number.isNaN(believed)) return shown > others ? Math.max(shown, speed) : Number.NaN;
  return Math.max(shown, believed);
}

/**
 * The lower bound of the capacity: never zero, or the host could not show a recovery. Without known free cores the host
 * may be slow for any reason, so it is room for one request.
 */
function leastCapacity(speed: number, figures: CapacityFigures): number {
  return hasCores(figures) ? EQUAL * speed : speed;
}

/**
 * What a core of the host does per ms, NaN while unknown. That is more than its speed if requests wait for others: they
 * use no core meanwhile, and a core serves several of them. Not more than `MOST_UNITS`, as an agent may see no CPU in use.
 */
export function perCoreOf({ throughput, busyCores, speed }: CapacityState): number {
  return Math.min(throughput / busyCores, MOST_UNITS * speed);
}

/** Averages throughput and cores in use over a few reports of the agent. */
function learnPerCore(state: CapacityState, { elapsedMs, evidence }: CapacitySeen, figures: CapacityFigures): void {
  if (!hasCores(figures)) return;
  const news = forgottenAfter(elapsedMs);
  state.throughput += (evidence.work / elapsedMs - state.throughput) * news;
  state.busyCores += (figures.cpu * figures.cores - state.busyCores) * news;
}

/** Whether the agent reports cores and CPU use. */
function hasCores(figures: CapacityFigures): figures is CapacityFigures & { readonly cpu: number; readonly cores: number } {
  return figures.cpu !== null && figures.cores !== null && figures.cores > 0;
}

/** Moves the capacity towards the others' by this fraction, where theirs is known. */
function pulled(capacity: number, median: number, share: number): number {
  return Number.isNaN(median) ? capacity : capacity + (median - capacity) * share;
}

function memoryFactor(memory: number | null): number {
  return Math.min(1, (1 - (memory ?? 0)) / (1 - MEMORY_TIGHT));
}
