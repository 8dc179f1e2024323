// What a request costs a balancer, and what a turn of its event loop: fitted to the CPU that a run measured. The fewer
// requests come, the more turns each one has to itself. How many it shares follows from the simulated traffic thread, with
// its quota and the clocks of load and hosts. Deterministic.

import { Draws } from '../simulation/draws.js';
import { EventQueue } from '../simulation/event-queue.js';
import { Processor, TRAFFIC_THREAD } from '../simulation/processor.js';
import { ticksOf } from '../simulation/ticks.js';
import { CLASSES } from '../scenario.js';
import type { BalancerCosts, ContestantFigures, LoadFigures } from './figures.js';
import { AFTER_SHARE } from './simulated-costs.js';

/** What one contestant used under one load. */
export interface MeasuredUse {
  readonly balancers: number;
  /** CPU of each balancer, and how much of it coordination needs, in cores. */
  readonly cores: number;
  readonly coordinationCores: number;
  readonly percent: number;
  readonly perSecond: number;
  /** CPU per request without coordination. */
  readonly micros: number;
}

/** Where the loads were measured. */
export interface FitSetup {
  readonly slow: number;
  readonly seed: number;
  readonly periodMs: number;
  readonly tickMs: number;
}

/** The two costs, and what of the measured CPU they leave unexplained. */
export interface RequestFit {
  readonly requestMicros: number;
  readonly wakeMicros: number;
  readonly coolMs: number;
  /** Root mean square of the relative differences. */
  readonly residual: number;
}

/** Share (0..1) of errors from which on a contestant is overloaded. */
const MOST_ERRORS = 0.001;

/** Requests simulated for each load, and steps of the fit: turns depend on the costs, and the costs on turns. */
const REQUESTS = 1500;
const STEPS = 8;

/** Time constants, in ms, of which the one that fits best is taken. */
const COOLING_MS: readonly number[] = [0.5, 1, 2, 4, 6, 8, 12, 20];

/** A request cannot cost less. */
const LEAST_MICROS = 1;

/** Whether a contestant had more than it serves: then figures depend on when clients gave up. */
export function isOverloaded({ highestPerSecond }: ContestantFigures, { perSecond, errors }: LoadFigures): boolean {
  return perSecond > highestPerSecond.median || !(errors.median < MOST_ERRORS);
}

/** The loads of Meercat that were no overload. Of coordination, what Redis needed for messages is no CPU of balancers. */
export function measuredUsesOf(contestants: readonly ContestantFigures[], redisMessageMicros: number): MeasuredUse[] {
  return contestants
    .filter(({ program }) => program === 'meercat')
    .flatMap((contestant) => {
      const { balancers, cpuEach, loads } = contestant;
      return loads
        .filter((load) => !isOverloaded(contestant, load))
        .map(({ percent, perSecond, cpuMicros, coordinationCores, messagesPerSecond }): MeasuredUse => {
          const ofRedis = ((messagesPerSecond?.median ?? 0) * redisMessageMicros) / 1e6;
          const coordination = Math.max(0, (coordinationCores?.median ?? 0) - (Number.isFinite(ofRedis) ? ofRedis : 0));
          return {
            balancers,
            cores: cpuEach ?? 1,
            coordinationCores: coordination / balancers,
            percent,
            perSecond,
            micros: cpuMicros.median - (1e6 * coordination) / perSecond,
          };
        });
    })
    .filter(({ micros }) => micros > 0);
}

/** Fits the costs by least squares of relative differences; null with less than two loads. */
export function fitRequest(uses: readonly MeasuredUse[], setup: FitSetup): RequestFit | null {
  if (uses.length < 2) return null;
  const fits = COOLING_MS.map((coolMs) => fitWith(coolMs, uses, setup));
  return fits.reduce((best, each) => (each.residual < best.residual ? each : best));
}

function fitWith(coolMs: number, uses: readonly MeasuredUse[], setup: FitSetup): RequestFit {
  let costs = { requestMicros: Math.min(...uses.map(({ micros }) => micros)), wakeMicros: 0, coolMs };
  for (let step = 0; step < STEPS; step++) {
    const turns = uses.map((use) => coldsPerRequest(use, costs, setup));
    const next = leastSquares(uses, turns);
    // Half of the way: the more expensive cold caches are, the less they cool.
    costs = {
      coolMs,
      requestMicros: (costs.requestMicros + next.requestMicros) / 2,
      wakeMicros: (costs.wakeMicros + next.wakeMicros) / 2,
    };
  }
  const squares = uses.map((use) => {
    const expected = costs.requestMicros + costs.wakeMicros * coldsPerRequest(use, costs, setup);
    return (expected / use.micros - 1) ** 2;
  });
  return { ...costs, residual: Math.sqrt(squares.reduce((sum, each) => sum + each, 0) / uses.length) };
}

/** The measured costs, with those of requests fitted. */
export function withFit(costs: BalancerCosts, fit: RequestFit | null): BalancerCosts {
  return fit === null ? costs : { ...costs, requestMicros: fit.requestMicros, wakeMicros: fit.wakeMicros, coolMs: fit.coolMs };
}

/** How often the caches of the traffic thread are cold for each request, on the simulated processor of one balancer. */
export function coldsPerRequest(
  { balancers, cores, coordinationCores, perSecond }: MeasuredUse,
  { requestMicros, wakeMicros, coolMs }: Pick<BalancerCosts, 'requestMicros' | 'wakeMicros' | 'coolMs'>,
  { slow, seed, periodMs, tickMs }: FitSetup,
): number {
  const [queue, draws] = [new EventQueue(), new Draws(seed, 1)];
  const ticks = tickMs > 0 ? ticksOf(seed, tickMs) : null;
  const left = Math.max(cores - coordinationCores, cores / 2);
  const processor = new Processor({ cores: left, periodMs, wakeMs: 0, coldMs: wakeMicros / 1000, coolMs }, 0);
  const afterMs = (requestMicros * AFTER_SHARE) / 1000;
  const beforeMs = requestMicros / 1000 - afterMs;
  const nowMs = (): number => queue.nowMs;
  const done = (): void => undefined;
  const onAnswer = (): void => processor.add(nowMs(), TRAFFIC_THREAD, afterMs, done, 0, undefined);
  const onPassed = (): void => {
    const atMs = Math.max(nowMs(), processorMs) + slow * workMs(draws.uniform());
    queue.schedule(ticks?.hosts.next(atMs) ?? atMs, onAnswer, 0, undefined);
  };
  const onRequest = (): void => processor.add(nowMs(), TRAFFIC_THREAD, beforeMs, onPassed, 0, undefined);
  let dueMs = 0;
  for (let request = 0; request < REQUESTS; request++) {
    dueMs += draws.exponential((1000 * balancers) / perSecond);
    queue.schedule(ticks?.clients.next(dueMs) ?? dueMs, onRequest, 0, undefined);
  }
  let processorMs = 0;
  while (queue.size > 0 || processor.nextMs < Number.POSITIVE_INFINITY) {
    if (processor.nextMs < queue.nextMs) {
      processorMs = processor.nextMs;
      processor.step(processorMs);
    } else queue.runNext();
  }
  return processor.colds / REQUESTS;
}

function workMs(draw: number): number {
  let left = draw;
  return (CLASSES.find(({ share }) => (left -= share) < 0) ?? CLASSES.at(-1))?.workMs ?? 0;
}

/** Minimises the relative differences between `micros` and requestMicros + turns × wakeMicros; neither is negative. */
function leastSquares(uses: readonly MeasuredUse[], turns: readonly number[]): Pick<RequestFit, 'requestMicros' | 'wakeMicros'> {
  const sum = (of: (micros: number, turns: number) => number): number =>
    uses.reduce((total, { micros }, index) => total + of(micros, turns[index] as number), 0);
  const [aa, at, tt] = [
    sum((micros) => micros ** -2),
    sum((micros, each) => each * micros ** -2),
    sum((micros, each) => (each / micros) ** 2),
  ];
  const [a, t] = [sum((micros) => 1 / micros), sum((micros, each) => each / micros)];
  const determinant = aa * tt - at * at;
  const requestMicros = determinant > 0 ? (a * tt - t * at) / determinant : 0;
  const wakeMicros = determinant > 0 ? (aa * t - at * a) / determinant : -1;
  if (wakeMicros < 0) return { requestMicros: a / aa, wakeMicros: 0 };
  if (requestMicros < LEAST_MICROS) return { requestMicros: LEAST_MICROS, wakeMicros: Math.max(0, (t - LEAST_MICROS * at) / tt) };
  return { requestMicros, wakeMicros };
}
