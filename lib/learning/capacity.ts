// What a host can really do now: how much work it gets done in a millisecond, and how quickly one request that
// is alone there. Learned from what was served and from the agent's figures; smoothed, bounded. Pure: one small
// state a host, which the master keeps.
//
// Work done per request and millisecond tells both: r = work / duration, added up over finished requests. A host
// with cores to spare serves each request at its own speed, r = speed; one that has not shares its cores, and then
// r times the requests in flight is all that it gets done (J. D. C. Little, "A Proof for the Queuing Formula
// L = λW", Operations Research 9(3), 1961). What CPU is idle beside that comes on top, and only the agent knows it;
// CPU that others on the machine take is in neither, as it should be.

import type { SpeedEvidence } from '../model.js';
import { forgottenAfter } from '../routing/forgetting.js';

/** After so long half of what was learned from requests is forgotten, if there were enough new ones, and messages come as often. */
const MIN_HALF_LIFE_MS = 100;

/** So many requests are remembered at least, and as many as it takes to know the rate to within this share of itself. */
const MIN_REQUESTS = 10;
const MAX_REQUESTS = 3000;
const WISHED_ERROR = 0.2;

/** The rate is never believed to be known better than so many requests tell at best. */
const LEAST_SCATTER = 0.3;

/** How quickly the believed speed follows a higher one (per half-life; at first as a mean does), and a lower one. */
const SPEED_UP = 0.2;
const SPEED_DOWN = 0.002;

/**
 * How quickly the believed speed goes to the median where what is seen could be the median's (per half-life); and the
 * capacity of a host without an agent that has room, since then nothing shows how much.
 */
const EQUAL_PULL = 0.02;

/** So many requests tell as much as what was guessed before them: the first after a pause are slow because it was one. */
const GUESS_REQUESTS = 3;

/** And each takes this share off the guess. */
const GUESS_DECAY = 0.02;

/** How quickly the capacity follows what was found (per half-life). */
const FOLLOW = 0.5;

/** A host that serves requests at this share of its speed has cores to spare, as its agent says; below the lower one it has not, whatever an old report says. */
const UNCONTENDED = 0.85;
const CONTENDED = 0.5;

/** CPU in use below this share is mostly the machine's own, and says nothing of how much there is. */
const LEAST_TELLING_CPU = 0.05;

/** A host that is not under pressure can do so many times what it does, at least. */
const GROWTH = 1.25;

/** How much faster than its share of the work what was learned with wrong costs is forgotten. */
const MOVED_WEIGHT = 2;

/**
 * A host that has finished nothing for so long, and for so many half-lives, is stalled when each request in flight had
 * less than this share of a host's speed since then: its machine may stand still.
 */
const STALLED_MS = 100;
const STALLED_HALF_LIVES = 2;
const STALLED_SHARE = 0.25;

/** Memory above this share slows a host down; when it is full, to a tenth. */
const MEMORY_TIGHT = 0.9;
const FULL_MEMORY_FACTOR = 0.1;

/**
 * A host is never believed to be quicker than so many times the median, or slower than this share of it. More might be
 * chance: what a few cheap requests seem to show of a host fades slowly, and it would be sent most until then.
 */
const MAX_OVER_MEDIAN = 2;
const MIN_OVER_MEDIAN = 1 / 16;

/** What is known of one host's capacity. */
export interface CapacityState {
  /** Finished requests and what they told; old ones fade. */
  served: number;
  work: number;
  durations: number;
  workSquares: number;
  workByDuration: number;
  durationSquares: number;
  meanInflight: number;
  /** For how long nothing was finished although there was something in flight. */
  stalledMs: number;
  /** For how long it has been learned, in half-lives. */
  learned: number;
  /** How much (0..1) of the speed is not learned but what others' is, since there were no requests. */
  guessed: number;
  /** Milliseconds of work per millisecond for one request alone, and for the host; NaN while not known. */
  speed: number;
  capacity: number;
}

/** What was seen of a host since the last update. */
export interface CapacitySeen {
  readonly elapsedMs: number;
  readonly served: number;
  readonly evidence: SpeedEvidence;
  /** Requests in flight on average, and the work that those which still are were expected to be. */
  readonly meanInflight: number;
  readonly work: number;
}

/** What its agent said lately; null for what is not known. */
export interface CapacityFigures {
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly cores: number | null;
}

/** The speeds of all hosts, and their median capacity; NaN while they are not known. */
export interface FleetSpeeds {
  readonly median: number;
  readonly capacity: number;
  /** The mean of those that serve, by the requests that they serve. */
  readonly serving: number;
}

/** The state of a host that nothing is known of. */
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
 * Takes what was seen of a host, into its state.
 * @param speeds those of all hosts
 * @param halfLifeMs how long it takes at least to forget half: longer than messages are apart
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

/** From what was finished. */
function learnFinished(state: CapacityState, seen: CapacitySeen, figures: CapacityFigures, speeds: FleetSpeeds, halfLifeMs: number): void {
  const { median } = speeds;
  const halvings = seen.elapsedMs / Math.max(MIN_HALF_LIFE_MS, halfLifeMs);
  if (!(halvings > 0)) return;
  const keep = Math.max(0.5 ** halvings, (1 - 1 / rememberedRequests(state)) ** seen.served);
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
  // What may be chance is no difference: hosts that are equal come to be taken for equal, or one of them would be favoured.
  if (Math.abs(rate - median) < relativeError(state) * median) state.speed += (median - state.speed) * Math.min(1, EQUAL_PULL * halvings);
  state.speed = bounded(state.speed, median);

  const used = rate * state.meanInflight;
  // It is under pressure only if that is more than the scatter of a few requests.
  const ease = (rate / state.speed) * (1 + 2 * relativeError(state));
  // Who is slower than others may be so because it has less.
  const isAsQuick = rate > (1 - relativeError(state)) * median;
  const others = isAsQuick ? speeds.capacity : Math.min(speeds.capacity, state.capacity);
  const capacity = pulled(state.capacity, others, Math.min(1, EQUAL_PULL * halvings));
  const found = foundCapacity(used, ease, { speed: state.speed, capacity, others }, figures);
  // Who was never under pressure can do what others do, or more, as far as it has shown.
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

/** Who gets no requests can't show what it can do: it comes to be taken for one like those that get them. Its agent's word needs no requests. */
function forget(state: CapacityState, elapsedMs: number, figures: CapacityFigures, speeds: FleetSpeeds): void {
  const forgotten = forgottenAfter(elapsedMs);
  scaleEvidence(state, 1 - forgotten, 1);
  state.speed += (speeds.serving - state.speed) * forgotten || 0;
  state.guessed += (1 - state.guessed) * forgotten;
  const whole = saysCores(figures) ? figures.cores * state.speed : speeds.capacity;
  const expected = (1 - (figures.cpu ?? 0)) * whole * memoryFactor(figures.memory);
  state.capacity = Math.max(pulled(state.capacity, expected, forgotten), leastCapacity(state, figures));
}

/** From what was not: in that time the host did less than the work that it has in flight. */
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
 * The host answers too soon to be believed (pace.ts): what it seems able to do beyond the median is not. Where no
 * capacity is known that is room for one request, as policies take it to be.
 */
export function doubtCapacity(state: CapacityState, { median, capacity }: FleetSpeeds): void {
  if (state.speed > median) state.speed = median;
  const most = Number.isNaN(capacity) ? median : capacity;
  if (state.capacity > most) state.capacity = most;
}

/**
 * Costs, and with them work, are `factor` times what they were, and the share `moved` of it (0..1) is in other classes
 * than was thought: what was learned of the host beside others goes by as much, since it may be what it was asked for.
 * @param meanRate work per request and millisecond of all hosts, in what work was
 */
export function rescaleCapacity(state: CapacityState, factor: number, moved: number, meanRate: number): void {
  const kept = 1 - Math.min(1, MOVED_WEIGHT * moved);
  scaleEvidence(state, kept, factor);
  if (meanRate > 0) state.speed += (meanRate - state.speed) * (1 - kept);
  state.speed *= factor;
  state.capacity *= factor;
}

/** Keeps a part of what requests told, its work in units that are `1 / factor` of what they were. */
function scaleEvidence(state: CapacityState, kept: number, factor: number): void {
  state.served *= kept;
  state.work *= kept * factor;
  state.durations *= kept;
  state.workSquares *= kept * factor * factor;
  state.workByDuration *= kept * factor;
  state.durationSquares *= kept;
  state.learned *= kept;
}

/** The standard error of work / durations as a share of it (W. G. Cochran, "Sampling Techniques", section 6.4: the ratio estimator). */
function relativeError(state: CapacityState): number {
  const { served, work, durations, workSquares, workByDuration, durationSquares } = state;
  const rate = work / durations;
  const residuals = Math.max(0, workSquares - 2 * rate * workByDuration + rate * rate * durationSquares);
  return Math.max(Math.sqrt(residuals) / work, LEAST_SCATTER / Math.sqrt(Math.max(1, served)));
}

/** How many requests it takes to know the rate well enough, by how much they scatter. */
function rememberedRequests(state: CapacityState): number {
  if (!(state.work > 0) || !(state.durations > 0)) return MIN_REQUESTS;
  const needed = state.served * (relativeError(state) / WISHED_ERROR) ** 2;
  return Math.min(Math.max(needed, MIN_REQUESTS), MAX_REQUESTS);
}

/** What the host can do, from what it does (`used`), how near its speed it serves each request (`ease`, 0..1), and what was believed of it and is of others. */
function foundCapacity(
  used: number,
  ease: number,
  believed: { readonly speed: number; readonly capacity: number; readonly others: number },
  figures: CapacityFigures,
): number {
  const { speed, capacity, others } = believed;
  const spare = Math.min(1, Math.max(0, (ease - CONTENDED) / (UNCONTENDED - CONTENDED)));
  if (saysCores(figures)) return Math.min(used + spare * (1 - figures.cpu) * figures.cores * speed, figures.cores * speed);
  // Without the number of cores it has as much as others, or more, as far as the CPU in use shows if all of that is ours.
  // Not less because we use little of it: a host whose agent always says the same would get the less the less it gets.
  if (figures.cpu !== null && figures.cpu > LEAST_TELLING_CPU && used > 0) {
    const shown = used / figures.cpu;
    return used + spare * (1 - figures.cpu) * (others > shown ? others : shown);
  }
  // Nothing but requests: under pressure they tell it; else it is a little more than what is used at least.
  if (ease < UNCONTENDED) return used;
  return Number.isNaN(capacity) ? Number.NaN : Math.max(capacity, used * GROWTH);
}

/** Never nothing, or it could not show that it has recovered. Where free cores are not known it may be slow for any reason: there is room for one request at a time. */
function leastCapacity({ speed }: CapacityState, figures: CapacityFigures): number {
  return saysCores(figures) ? speed / 8 : speed;
}

/** Whether its agent says how many cores it has, and how much of them is used. */
function saysCores(figures: CapacityFigures): figures is CapacityFigures & { readonly cpu: number; readonly cores: number } {
  return figures.cpu !== null && figures.cores !== null && figures.cores > 0;
}

/** Nearer by this share to what others can do, where that is known. */
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
