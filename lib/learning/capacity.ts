// Estimates a host's current capacity, the work it completes per ms, and its speed, the same for a single request.
// Learned from served requests and the agent's figures; smoothed and bounded. Pure: one small state per host, which the
// master keeps.
//
// Both follow from the work done per request and ms: r = work / duration, summed over finished requests. A host with
// idle cores serves each request at its own speed, r = speed. A saturated host shares its cores, and r times the
// requests in flight is its whole throughput (J. D. C. Little, "A Proof for the Queuing Formula L = λW", Operations
// Research 9(3), 1961). Idle CPU comes on top, and only the agent knows it. CPU that other processes on the machine
// take is in neither, as it should be.

import type { SpeedEvidence } from '../model.js';
import { forgottenAfter } from '../routing/forgetting.js';

/** Minimum half-life of the evidence from requests, in ms; longer with few requests, or when messages arrive less often. */
const MIN_HALF_LIFE_MS = 100;

/** The evidence spans at least `MIN_REQUESTS`, and as many as it takes to know the rate to within `TARGET_ERROR` of itself. */
const MIN_REQUESTS = 10;
const MAX_REQUESTS = 3000;
const TARGET_ERROR = 0.2;

/** Lower bound of the scatter: however little the rate varies, its relative error is at least this / √requests. */
const MIN_SCATTER = 0.3;

/** Rate at which the speed follows a higher value (per half-life; initially as a mean does), and a lower one. */
const SPEED_UP = 0.2;
const SPEED_DOWN = 0.002;

/**
 * Rate at which the speed approaches the median while the data does not tell them apart (per half-life), and at which
 * the capacity of an unsaturated host without an agent does, since nothing shows how much it could do.
 */
const EQUAL_PULL = 0.02;

/** A guessed speed weighs as much as this many requests. It yields slowly because the first requests after a pause are slow. */
const GUESS_REQUESTS = 3;

/** Each request reduces the weight of the guess by this fraction. */
const GUESS_DECAY = 0.02;

/** Rate at which the capacity follows new findings (per half-life). */
const FOLLOW = 0.5;

/**
 * A host that serves requests at this fraction of its speed has idle cores, as its agent says; below the lower one it
 * has none, whatever an old report says.
 */
const UNCONTENDED = 0.85;
const CONTENDED = 0.5;

/** CPU in use below this fraction is mostly the machine's own, and does not show its size. */
const MIN_INFORMATIVE_CPU = 0.05;

/** A host that is not saturated can do at least this many times its current load. */
const GROWTH = 1.25;

/** Evidence learned with wrong costs is discounted by this many times the misattributed fraction of the work. */
const MOVED_WEIGHT = 2;

/**
 * A host that has finished nothing for this long, and for this many half-lives, is stalled if each request in flight
 * has received less than this fraction of the host's speed since: its machine may be frozen.
 */
const STALLED_MS = 100;
const STALLED_HALF_LIVES = 2;
const STALLED_SHARE = 0.25;

/** Memory use above this fraction slows a host down; with full memory, to this factor. */
const MEMORY_TIGHT = 0.9;
const FULL_MEMORY_FACTOR = 0.1;

/**
 * Bounds of a host's speed relative to the median. Larger differences may be chance: what a few cheap requests seem to
 * show fades slowly, and until then the host would get most of the requests.
 */
const MAX_OVER_MEDIAN = 2;
const MIN_OVER_MEDIAN = 1 / 16;

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
  /** How long nothing has finished although requests were in flight. */
  stalledMs: number;
  /** How long it has been learned, in half-lives. */
  learned: number;
  /** Fraction (0..1) of the speed that is not learned but taken from the other hosts, for lack of requests. */
  guessed: number;
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

/** The median speed and capacity of all hosts; NaN while unknown. */
export interface FleetSpeeds {
  readonly median: number;
  readonly capacity: number;
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
    learned: 0,
    guessed: 0,
    speed: Number.NaN,
    capacity: Number.NaN,
  };
}

/**
 * Updates a host's state from what was observed.
 * @param speeds those of all hosts
 * @param halfLifeMs lower bound of the half-life: longer than the interval between messages
 */
export function updateCapacity(
  state: CapacityState,
  seen: CapacitySeen,
  figures: CapacityFigures,
  speeds: FleetSpeeds,
  halfLifeMs = 0,
): void {
  learnFinished(state, seen, figures, speeds, halfLifeMs);
  learnStalled(state, seen, speeds, halfLifeMs);
}

/** Learns from finished requests. */
function learnFinished(state: CapacityState, seen: CapacitySeen, figures: CapacityFigures, speeds: FleetSpeeds, halfLifeMs: number): void {
  const { median } = speeds;
  const halvings = seen.elapsedMs / Math.max(MIN_HALF_LIFE_MS, halfLifeMs);
  if (!(halvings > 0)) return;
  const keep = Math.max(0.5 ** halvings, (1 - 1 / neededRequests(state)) ** seen.served);
  const { evidence } = seen;
  state.served = state.served * keep + seen.served;
  state.work = state.work * keep + evidence.work;
  state.durations = state.durations * keep + evidence.durations;
  state.workSquares = state.workSquares * keep + evidence.workSquares;
  state.workByDuration = state.workByDuration * keep + evidence.workByDuration;
  state.durationSquares = state.durationSquares * keep + evidence.durationSquares;
  state.meanInflight += (seen.meanInflight - state.meanInflight) * (1 - keep);
  if (seen.served === 0 && seen.meanInflight === 0) {
    forget(state, seen.elapsedMs, figures, speeds);
    return;
  }
  if (!(state.durations > 0) || !(state.work > 0)) return;

  const rate = state.work / state.durations;
  const learnedNow = (1 - keep) / 0.5;
  if (Number.isNaN(state.speed)) state.speed = rate;
  else if (rate > state.speed) state.speed += (rate - state.speed) * Math.min(1, Math.max(SPEED_UP * learnedNow, 1 / (1 + state.learned)));
  else if (seen.served > 0)
    state.speed +=
      (rate - state.speed) * Math.max(SPEED_DOWN * Math.min(halvings, 50), (state.guessed * seen.served) / (state.served + GUESS_REQUESTS));
  state.learned += learnedNow;
  state.guessed *= (1 - GUESS_DECAY) ** seen.served;
  // Treat a difference that may be chance as none: otherwise one of two equal hosts would be favoured forever.
  if (Math.abs(rate - median) < relativeError(state) * median) state.speed += (median - state.speed) * Math.min(1, EQUAL_PULL * halvings);
  state.speed = bounded(state.speed, median);

  const used = rate * state.meanInflight;
  // The host is saturated only if the slowdown exceeds the scatter of a few requests.
  const ease = (rate / state.speed) * (1 + 2 * relativeError(state));
  // A slower host may have a smaller capacity, too.
  const isAsFast = rate > (1 - relativeError(state)) * median;
  const others = isAsFast ? speeds.capacity : Math.min(speeds.capacity, state.capacity);
  const capacity = pulled(state.capacity, others, Math.min(1, EQUAL_PULL * halvings));
  const found = foundCapacity(used, ease, { speed: state.speed, capacity, others }, figures);
  // A host that was never saturated can do what others do, or more if it has shown more.
  if (Number.isNaN(found)) {
    const shown = Math.max(used * GROWTH, state.speed);
    if (shown > speeds.capacity) state.capacity = shown;
    return;
  }
  const limited = found * memoryFactor(figures.memory);
  if (Number.isNaN(state.capacity)) state.capacity = limited;
  else state.capacity += (limited - state.capacity) * (1 - (1 - FOLLOW) ** halvings);
  state.capacity = Math.max(state.capacity, leastCapacity(state, figures));
}

/**
 * Fades the evidence of a host without requests into the other hosts' mean, as it can't show its capacity. The agent's
 * figures need no requests.
 */
function forget(state: CapacityState, elapsedMs: number, figures: CapacityFigures, speeds: FleetSpeeds): void {
  const forgotten = forgottenAfter(elapsedMs);
  scaleEvidence(state, 1 - forgotten, 1);
  state.speed += (speeds.serving - state.speed) * forgotten || 0;
  state.guessed += (1 - state.guessed) * forgotten;
  const whole = hasCores(figures) ? figures.cores * state.speed : speeds.capacity;
  const expected = (1 - (figures.cpu ?? 0)) * whole * memoryFactor(figures.memory);
  state.capacity = Math.max(pulled(state.capacity, expected, forgotten), leastCapacity(state, figures));
}

/** Learns from unfinished requests: since the stall began the host did less than the work it has in flight. */
function learnStalled(
  state: CapacityState,
  { elapsedMs, served, meanInflight, work }: CapacitySeen,
  { median }: FleetSpeeds,
  halfLifeMs: number,
): void {
  if (!(elapsedMs > 0)) return;
  state.stalledMs = served > 0 || !(meanInflight > 0) ? 0 : state.stalledMs + elapsedMs;
  if (state.stalledMs <= Math.max(STALLED_MS, STALLED_HALF_LIVES * halfLifeMs)) return;
  const speed = state.speed > 0 ? state.speed : median;
  const rate = work / state.stalledMs;
  if (!(rate < STALLED_SHARE * speed * meanInflight)) return;
  const most = Math.max(rate, speed * MIN_OVER_MEDIAN);
  if (!(state.capacity <= most)) state.capacity = most;
}

/**
 * Rescales a host's state after costs, and so the unit of work, changed by `factor`. The fraction `moved` (0..1) of the
 * work was attributed to wrong classes: the host's difference to others is discounted by it, since it may come from its
 * mix of requests.
 * @param meanRate work per request and ms over all hosts, in the old unit
 */
export function rescaleCapacity(state: CapacityState, factor: number, moved: number, meanRate: number): void {
  const kept = 1 - Math.min(1, MOVED_WEIGHT * moved);
  scaleEvidence(state, kept, factor);
  if (meanRate > 0) state.speed += (meanRate - state.speed) * (1 - kept);
  state.speed *= factor;
  state.capacity *= factor;
}

/** Decays the evidence to `kept`, and converts its work to a unit of `1 / factor`. */
function scaleEvidence(state: CapacityState, kept: number, factor: number): void {
  state.served *= kept;
  state.work *= kept * factor;
  state.durations *= kept;
  state.workSquares *= kept * factor * factor;
  state.workByDuration *= kept * factor;
  state.durationSquares *= kept;
  state.learned *= kept;
}

/** Relative standard error of work / durations (W. G. Cochran, "Sampling Techniques", section 6.4: the ratio estimator). */
function relativeError(state: CapacityState): number {
  const { served, work, durations, workSquares, workByDuration, durationSquares } = state;
  const rate = work / durations;
  const residuals = Math.max(0, workSquares - 2 * rate * workByDuration + rate * rate * durationSquares);
  return Math.max(Math.sqrt(residuals) / work, MIN_SCATTER / Math.sqrt(Math.max(1, served)));
}

/** Number of requests needed to know the rate well enough, given their scatter. */
function neededRequests(state: CapacityState): number {
  if (!(state.work > 0) || !(state.durations > 0)) return MIN_REQUESTS;
  const needed = state.served * (relativeError(state) / TARGET_ERROR) ** 2;
  return Math.min(Math.max(needed, MIN_REQUESTS), MAX_REQUESTS);
}

/**
 * Computes the capacity from the current throughput (`used`), the fraction of its speed at which the host serves each
 * request (`ease`), the previous belief and the other hosts.
 */
function foundCapacity(
  used: number,
  ease: number,
  believed: { readonly speed: number; readonly capacity: number; readonly others: number },
  figures: CapacityFigures,
): number {
  const { speed, capacity, others } = believed;
  const spare = Math.min(1, Math.max(0, (ease - CONTENDED) / (UNCONTENDED - CONTENDED)));
  if (hasCores(figures)) return Math.min(used + spare * (1 - figures.cpu) * figures.cores * speed, figures.cores * speed);
  // Without a number of cores, assume the capacity of others, or more if the CPU in use shows more, assuming all of it
  // is ours. Not less for low use: a host whose agent always reports the same would otherwise get less and less.
  if (figures.cpu !== null && figures.cpu > MIN_INFORMATIVE_CPU && used > 0) {
    const shown = used / figures.cpu;
    return used + spare * (1 - figures.cpu) * (others > shown ? others : shown);
  }
  // Requests only: a saturated host shows its capacity; otherwise it is at least a little more than what is used.
  if (ease < UNCONTENDED) return used;
  return Number.isNaN(capacity) ? Number.NaN : Math.max(capacity, used * GROWTH);
}

/**
 * The lower bound of the capacity: never zero, or the host could not show a recovery. Without known free cores the host
 * may be slow for any reason, so it is room for one request.
 */
function leastCapacity({ speed }: CapacityState, figures: CapacityFigures): number {
  return hasCores(figures) ? speed / 8 : speed;
}

/** Whether the agent reports cores and CPU use. */
function hasCores(figures: CapacityFigures): figures is CapacityFigures & { readonly cpu: number; readonly cores: number } {
  return figures.cpu !== null && figures.cores !== null && figures.cores > 0;
}

/** Moves the capacity towards the others' by this fraction, where theirs is known. */
function pulled(capacity: number, median: number, share: number): number {
  return Number.isNaN(median) ? capacity : capacity + (median - capacity) * share;
}

function bounded(speed: number, median: number): number {
  return Number.isNaN(median) ? speed : Math.min(Math.max(speed, median * MIN_OVER_MEDIAN), median * MAX_OVER_MEDIAN);
}

function memoryFactor(memory: number | null): number {
  if (memory === null || memory <= MEMORY_TIGHT) return 1;
  return 1 - (1 - FULL_MEMORY_FACTOR) * Math.min(1, (memory - MEMORY_TIGHT) / (1 - MEMORY_TIGHT));
}
