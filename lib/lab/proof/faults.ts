// The faults of `bench fleet`: what clients see when a balancer, the master, Redis or a host dies or freezes, and while a
// fleet restarts. Real processes under an open load; each client keeps a connection to one balancer and moves on to the next
// one. All contestants share the hosts; fleets of Meercat share a Redis that belongs to this part alone.

import { messageOf } from '../../errors.js';
import { createShutdown, type Shutdown } from '../../shutdown.js';
import type { BenchContext } from '../context.js';
import { startRole } from '../processes.js';
import { rounded } from '../statistics.js';
import { type SharedParts, startSharedParts } from './faults-actions.js';
import { type FaultContestant, type FaultGround, faultNamespaceOf, startMeercatFleet, tryPeerFleet } from './faults-contestants.js';
import { spreadOf } from './faults-judge.js';
import { FAULT_KINDS } from './contests.js';
import { planFaultRound } from './faults-plan.js';
import { rehearse, runTurn, type FaultStage, type MetFault } from './faults-turns.js';
import type { FaultFigures, FaultKind, Spread } from './figures.js';

const HOSTS = 4;
const PER_SECOND = 300;
const SIZES: readonly number[] = [1, 4];

/** What to measure. */
export interface FaultSetup {
  readonly rounds: number;
  /** Sizes of Meercat's fleets; 1 and 4 by default. */
  readonly fleets?: readonly number[];
  /** How many balancers of each other program there are; 1 and 4 by default. */
  readonly peerFleets?: readonly number[];
  /** Programs beside Meercat; HAProxy and nginx by default, if they are installed. */
  readonly peers?: readonly ('haproxy' | 'nginx')[];
  /** All by default. */
  readonly faults?: readonly FaultKind[];
  /** Requests per second to each contestant. */
  readonly perSecond?: number;
  readonly seed?: number;
  /** Called with the reason for each program that could not take part. */
  readonly onLeftOut?: (reason: string) => void;
  /** Called with examples of wrong answers: with any, the figures are invalid. */
  readonly onWrong?: (what: string) => void;
}

/** The figures of a fault. */
export type MeasuredFault = FaultFigures & Required<Pick<FaultFigures, 'worstMs' | 'unrecovered'>>;

/**
 * Measures all faults that apply to each contestant, and stops all that it started. What does not come back ends what it
 * takes part in, and is told as left out: the figures until then remain. Rejects with MEERCAT_START_FAILED if there are
 * none. Nothing else should use the machine meanwhile.
 */
export async function measureFaults(context: BenchContext, setup: FaultSetup): Promise<readonly MeasuredFault[]> {
  const shutdown = shutdownWithin(context.shutdown, context.say);
  try {
    return await measureAll({ ...context, shutdown }, setup);
  } finally {
    await shutdown.run();
  }
}

/** A shutdown that may run before the outer one, and runs with it otherwise. What is added too late is closed at once. */
function shutdownWithin(outer: Shutdown, say: (line: string) => void): Shutdown {
  const inner = createShutdown((error) => say(`faults: could not be stopped: ${messageOf(error)}`));
  let isOver = false;
  const run = (): Promise<void> => {
    isOver = true;
    return inner.run();
  };
  outer.add(run);
  return { add: (closer) => (isOver ? void closer() : inner.add(closer)), run };
}

async function measureAll(context: BenchContext, setup: FaultSetup): Promise<readonly MeasuredFault[]> {
  const { fleets = SIZES, faults = FAULT_KINDS, perSecond = PER_SECOND, seed = 1 } = setup;
  const parts = await startSharedParts(context, HOSTS, fleets.map(faultNamespaceOf));
  const { child: load } = await startRole('fault-load', [], { core: null, shutdown: context.shutdown });
  const contestants = await startContestants(context, setup, parts);
  const stage: FaultStage = { context, parts, load, perSecond, onWrong: setup.onWrong };
  await rehearse(stage, contestants);
  context.say(`faults: ${contestants.map(({ name }) => name).join('; ')}: every balancer answers rightly`);

  const outcomes = new Map(contestants.map((contestant) => [contestant, new Map<FaultKind, MetFault[]>()]));
  const leave = (what: string, reason: string): void => {
    const said = `faults: ${what}: ${reason}; it meets no more`;
    context.say(said);
    setup.onLeftOut?.(said);
  };
  const gone = new Set<FaultContestant>();
  const turns = Array.from({ length: setup.rounds }, (_, round) =>
    planFaultRound(contestants, faults).map((turn) => ({ turn, round })),
  ).flat();
  for (const { turn, round } of turns) {
    const present = turn.filter(({ contestant }) => !gone.has(contestant));
    if (present.length === 0) continue;
    let met: readonly (MetFault | string)[];
    try {
      met = await runTurn(stage, present, round, seed + round);
    } catch (error) {
      // What all share did not come back.
      if ([...outcomes.values()].every(({ size }) => size === 0)) throw error;
      leave(`every contestant, ${present[0]?.fault}, round ${round + 1}`, messageOf(error));
      break;
    }
    present.forEach(({ contestant, fault }, index) => {
      const each = met[index] as MetFault | string;
      const byFault = outcomes.get(contestant);
      if (typeof each !== 'string') byFault?.set(fault, [...(byFault.get(fault) ?? []), each]);
      else {
        gone.add(contestant);
        leave(`${contestant.name}, ${fault}, round ${round + 1}`, each);
      }
    });
  }
  return contestants.flatMap((contestant) =>
    FAULT_KINDS.flatMap((fault) => {
      const list = outcomes.get(contestant)?.get(fault);
      return list === undefined ? [] : [figuresOf(contestant, fault, perSecond, list)];
    }),
  );
}

/** Starts all that can take part, and waits until all is well. */
async function startContestants(
  { entry, say, shutdown }: BenchContext,
  { fleets = SIZES, peerFleets = SIZES, peers = ['haproxy', 'nginx'], onLeftOut }: FaultSetup,
  parts: SharedParts,
): Promise<FaultContestant[]> {
  const ground: FaultGround = { ...parts, options: { core: null, shutdown } };
  const contestants = await Promise.all(fleets.map((balancers) => startMeercatFleet(entry, balancers, ground)));
  for (const program of peers) {
    for (const balancers of peerFleets) {
      const started = await tryPeerFleet(program, balancers, ground);
      if (typeof started !== 'string') contestants.push(started);
      else {
        say(started);
        onLeftOut?.(started);
        break;
      }
    }
  }
  await Promise.all(contestants.map((contestant) => contestant.untilWell()));
  return contestants;
}

function figuresOf(
  { name, program, balancers }: FaultContestant,
  fault: FaultKind,
  perSecond: number,
  outcomes: readonly MetFault[],
): MeasuredFault {
  const spread = (places: number, of: (outcome: MetFault) => number): Spread =>
    spreadOf(outcomes.map((outcome) => rounded(of(outcome), places)));
  return {
    contestant: name,
    program,
    balancers,
    fault,
    perSecond,
    rounds: outcomes.length,
    lost: spread(0, ({ lost }) => lost),
    recoverMs: spread(0, ({ recoverMs }) => recoverMs),
    clientsNoticing: spread(4, ({ clientsNoticing }) => clientsNoticing),
    worstMs: spread(1, ({ worstMs }) => worstMs),
    unrecovered: outcomes.filter(({ hasRecovered }) => !hasRecovered).length,
    ...(outcomes.every(({ startedAfterMs }) => startedAfterMs !== null)
      ? { startedAfterMs: spread(1, ({ startedAfterMs }) => startedAfterMs ?? 0) }
      : {}),
  };
}
