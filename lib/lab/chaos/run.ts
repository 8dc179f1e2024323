// A chaos run: a fleet of real processes, rounds of faults drawn by a seed, and the history of all of it. Each round
// begins one fault, heals it, and waits until the fleet is well. What the history means is checked elsewhere.

import { Random } from '../../routing/random.js';
import { createShutdown, type Shutdown } from '../../shutdown.js';
import { pause } from '../health.js';
import { ALL_FAULTS } from './all-faults.js';
import { checkHistory } from './check.js';
import type { ChaosEvent, Violation } from './events.js';
import { type Fault, pickOne } from './faults.js';
import { History } from './history.js';
import { startChaosLoad } from './load.js';
import { recordAtEnd, recordMemory, recordAtRest } from './resources.js';
import { buildStage, DRAINED_HOST, type Stage } from './stage.js';
import { untilWell } from './until-well.js';

const LOOK_EVERY_MS = 50;

/** The guarantee: the fleet is well this long after all faults are healed. */
const WELL_WITHIN_MS = 5000;

/** How long a fleet may take to start on a busy machine. */
const START_MS = 30_000;

/** How long faults last in general. */
const MIN_HOLD_MS = 300;
const MAX_HOLD_MS = 3500;

/** An operator changes a setting before one of so many rounds. */
const OPERATOR_EVERY = 5;

/** A setting is in force everywhere, and remembered, after a heartbeat of each balancer. */
const SETTING_MS = 1500;

/** What to run. */
export interface ChaosPlan {
  readonly entry: string;
  readonly seed: number;
  readonly rounds: number;
  /** Names of faults; all by default. */
  readonly only?: readonly string[] | undefined;
  readonly say: (line: string) => void;
  readonly shutdown: Shutdown;
}

/** One round. */
export interface RoundOutcome {
  readonly round: number;
  readonly fault: string;
  readonly hit: string;
  /** The longest time without a table of a master, from the fault until the fleet was well. */
  readonly gapMs: number;
  /** How long after the healing the fleet was well, by the clock. */
  readonly wellAfterMs: number;
  /** What does not count of it, since the machine was short of CPU. */
  readonly uncountedMs: number;
  /** What it lacked when nobody waited any longer; '' if it was well. */
  readonly lack: string;
  /** Requests that got no right answer, allowed or not. */
  readonly lost: number;
}

/** What a run found. */
export interface ChaosReport {
  readonly seed: number;
  readonly outcomes: readonly RoundOutcome[];
  readonly requests: number;
  readonly masterships: number;
  readonly violations: readonly Violation[];
  readonly events: readonly ChaosEvent[];
}

/** Runs it. The seed determines the faults, their order, their victims and durations. */
export async function runRounds(plan: ChaosPlan): Promise<ChaosReport> {
  const { entry, seed, rounds, say } = plan;
  const shutdown = createShutdown((error) => say(`could not be stopped: ${String(error)}`));
  plan.shutdown.add(() => shutdown.run());
  const history = new History();
  shutdown.add(() => history.close());
  try {
    const stage = await buildStage(entry, history, shutdown, new Random(seed));
    await untilWell(stage, START_MS);
    await stage.operator.drain(DRAINED_HOST);
    await pause(SETTING_MS);
    await recordSettings(stage, 0);
    const atRest = await recordAtRest(stage);
    const load = startChaosLoad(stage.balancers, stage.watch, history);
    shutdown.add(() => load.stop());
    const outcomes: RoundOutcome[] = [];
    for (const [index, fault] of drawFaults(seed, rounds, plan.only).entries()) {
      const outcome = await runRound(stage, index + 1, fault, new Random(seed * 100_003 + index));
      outcomes.push(outcome);
      recordMemory(stage);
      say(
        `round ${outcome.round}/${rounds}, ${outcome.fault} (${outcome.hit}): ${Math.round(outcome.gapMs)} ms without a table, ${outcome.lack === '' ? 'well' : `not well (${outcome.lack})`} after ${Math.round(outcome.wellAfterMs)} ms, ${outcome.lost} requests lost`,
      );
    }
    await load.stop();
    await recordAtEnd(stage, atRest);
    await stage.watch.stop();
    const { events } = history;
    return { seed, outcomes, requests: load.sent, masterships: mastershipsIn(events), violations: checkHistory(events), events };
  } finally {
    await shutdown.run();
  }
}

/** The names of the rounds' faults: each comes about as often as the others, in an order of the seed's. */
export function drawFaults(seed: number, rounds: number, only?: readonly string[]): string[] {
  const random = new Random(seed);
  const names = Object.keys(ALL_FAULTS).filter((name) => only?.includes(name) ?? true);
  const drawn: string[] = [];
  while (drawn.length < rounds) {
    const left = [...names];
    while (left.length > 0 && drawn.length < rounds) drawn.push(...left.splice(random.below(left.length), 1));
  }
  return drawn;
}

async function runRound(stage: Stage, round: number, name: string, random: Random): Promise<RoundOutcome> {
  const { history, operator } = stage;
  const drawnMs = MIN_HOLD_MS + random.below(MAX_HOLD_MS - MIN_HOLD_MS);
  const first = history.events.length;
  history.note(`round ${round}: ${name}`);
  if (random.below(OPERATOR_EVERY) === 0) {
    const algorithm = pickOne(['adaptive', 'round-robin', 'least-request'] as const, random);
    history.note(`an operator sets the algorithm ${algorithm}`);
    await operator.setAlgorithm(algorithm);
    await pause(SETTING_MS);
  }
  const beganAtMs = history.nowMs();
  const { hit, heal, holdMs = drawnMs } = await (ALL_FAULTS[name] as Fault)(stage, random);
  await pause(holdMs);
  await heal();
  history.add({ kind: 'healed', atMs: history.nowMs(), round, fault: name });
  const { tookMs, waitedMs, problem } = await untilWell(stage, WELL_WITHIN_MS);
  history.add({ kind: 'settled', atMs: history.nowMs(), waitedMs, problem });
  await recordSettings(stage, WELL_WITHIN_MS - waitedMs);
  const events = history.events.slice(first);
  const lost = events.filter((event) => event.kind === 'request' && event.problem !== '').length;
  return {
    round,
    fault: name,
    hit,
    gapMs: longestGapMs(history.events, beganAtMs, history.nowMs()),
    wellAfterMs: tookMs,
    uncountedMs: Math.max(0, tookMs - waitedMs),
    lack: problem,
    lost,
  };
}

/** Records whether the operators' settings stand, once they do or when the time is over. */
async function recordSettings({ redis, keys, operator, history }: Stage, withinMs: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    const found = await redis.admin.hgetall(keys.settings).catch((error: unknown) => ({ error: String(error) }));
    const expected = operator.expected;
    const isSame = JSON.stringify(Object.entries(found).toSorted()) === JSON.stringify(Object.entries(expected).toSorted());
    if (isSame || waitedMs >= withinMs) {
      history.add({ kind: 'settings', atMs: history.nowMs(), expected, found });
      return;
    }
    await pause(LOOK_EVERY_MS);
  }
}

/** The longest time without a master's table in a part of a history. */
export function longestGapMs(events: readonly ChaosEvent[], fromMs: number, toMs: number): number {
  let lastMs = fromMs;
  let longestMs = 0;
  for (const event of events) {
    if (event.kind !== 'table' || event.atMs < fromMs || event.atMs > toMs) continue;
    longestMs = Math.max(longestMs, event.atMs - lastMs);
    lastMs = event.atMs;
  }
  return Math.max(longestMs, toMs - lastMs);
}

/** The masterships in a history, by their tables. */
function mastershipsIn(events: readonly ChaosEvent[]): number {
  return new Set(events.flatMap((event) => (event.kind === 'table' ? event.stamp.mastership : []))).size;
}
