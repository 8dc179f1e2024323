// The faults of `bench fleet`: what clients see when a balancer, the master, Redis or a host dies or freezes, and while a
// fleet restarts. Real processes under an open load; each client keeps a connection to one balancer and moves on to the next
// one. All contestants share the hosts; fleets of Meercat share a Redis that belongs to this part alone.

import type { BenchContext } from '../context.js';
import { machineMs, pause } from '../health.js';
import { type LabChild, type StartOptions, startRole } from '../processes.js';
import { rounded } from '../statistics.js';
import {
  cutOffRedis,
  freezeBalancer,
  killBalancer,
  rollingRestart,
  type SharedParts,
  startSharedParts,
  victimOf,
} from './faults-actions.js';
import { ENDINGS } from './faults-client.js';
import { type FaultContestant, type FaultGround, faultNamespaceOf, startMeercatFleet, tryPeerFleet } from './faults-contestants.js';
import { type ClientRequest, type FaultOutcome, judgeFault, spreadOf } from './faults-judge.js';
import type { LoadDone, LoadedRequests } from './faults-load.js';
import { FAULT_KINDS, type FaultTurn, planFaultRound } from './faults-plan.js';
import type { FaultFigures, FaultKind, Spread } from './figures.js';

const HOSTS = 4;
const CLIENTS = 64;
const PER_SECOND = 400;

/** Before this time connections open; the p99 before the fault is taken from the rest. */
const WARM_UP_MS = 400;
const BEFORE_MS = 1000;
/** How long it is watched after all that was hit is back: longer than the silence that a client bears. */
const AFTER_MS = 1250;

const LOAD_TIMEOUT_MS = 20_000;

/** What to measure. */
export interface FaultSetup {
  readonly rounds: number;
  /** Sizes of fleets; 1 and 4 by default. */
  readonly fleets?: readonly number[];
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

/** The figures of a fault, with what the contract does not ask for. */
export interface MeasuredFault extends FaultFigures {
  /** Longest time that a client waited for an answer or a failure, from when the request was due. */
  readonly worstMs: Spread;
  /** Rounds in which it was not back to normal when the watch ended: its time to recover is longer than measured. */
  readonly unrecovered: number;
}

/** Measures all faults that apply to each contestant. Rejects with MEERCAT_START_FAILED if something does not come back. */
export async function measureFaults(context: BenchContext, setup: FaultSetup): Promise<readonly MeasuredFault[]> {
  const { entry, say, shutdown } = context;
  const { rounds, fleets = [1, 4], peers = ['haproxy', 'nginx'], faults = FAULT_KINDS, perSecond = PER_SECOND, seed = 1 } = setup;
  const options: StartOptions = { core: null, shutdown };
  const parts = await startSharedParts(context, HOSTS, fleets.map(faultNamespaceOf));
  const { child: load } = await startRole('fault-load', [], options);
  const ground: FaultGround = { ...parts, options };
  const contestants = await Promise.all(fleets.map((balancers) => startMeercatFleet(entry, balancers, ground)));
  for (const program of peers) {
    for (const balancers of fleets) {
      const started = await tryPeerFleet(program, balancers, ground);
      if (typeof started !== 'string') contestants.push(started);
      else {
        say(started);
        setup.onLeftOut?.(started);
        break;
      }
    }
  }
  await Promise.all(contestants.map((contestant) => contestant.untilWell()));
  say(`faults: ${contestants.map(({ name }) => name).join('; ')}: every balancer answers rightly`);

  const outcomes = new Map(contestants.map((contestant) => [contestant, new Map<FaultKind, FaultOutcome[]>()]));
  const stage: Stage = { context, parts, load, perSecond, onWrong: setup.onWrong };
  for (let round = 0; round < rounds; round++) {
    for (const turn of planFaultRound(contestants, faults)) {
      const judged = await runTurn(stage, turn, round, seed + round);
      turn.forEach(({ contestant, fault }, index) => {
        const byFault = outcomes.get(contestant);
        byFault?.set(fault, [...(byFault.get(fault) ?? []), judged[index] as FaultOutcome]);
      });
    }
  }
  return contestants.flatMap((contestant) =>
    FAULT_KINDS.flatMap((fault) => {
      const list = outcomes.get(contestant)?.get(fault);
      return list === undefined ? [] : [figuresOf(contestant, fault, perSecond, list)];
    }),
  );
}

/** What the turns of a run share. */
interface Stage {
  readonly context: BenchContext;
  readonly parts: SharedParts;
  readonly load: LabChild;
  readonly perSecond: number;
  readonly onWrong: ((what: string) => void) | undefined;
}

/** Runs one turn; returns the outcome for each contestant that takes part, in their order. */
async function runTurn(stage: Stage, turn: FaultTurn<FaultContestant>, round: number, seed: number): Promise<FaultOutcome[]> {
  const { context, parts, load, perSecond } = stage;
  const masters = await Promise.all(turn.map(({ contestant }) => contestant.untilWell()));
  const ports = turn.map(({ contestant: { members } }) => members.map(({ port }) => port));
  const begun = load.next('begun', LOAD_TIMEOUT_MS);
  load.send({ type: 'begin', seed, perSecond, clients: CLIENTS, ports });
  await begun;
  await pause(WARM_UP_MS);
  const fromMs = machineMs();
  await pause(BEFORE_MS);

  const faultMs = machineMs();
  // One for all that share it.
  let shared: Promise<void> | undefined;
  await Promise.all(
    turn.map(({ contestant, fault }, index) => {
      const victim = victimOf(fault, contestant, masters[index] as FaultContestant['members'][number]);
      switch (fault) {
        case 'kill a balancer':
        case 'kill the master':
          return killBalancer(victim);
        case 'freeze a balancer':
          return freezeBalancer(victim, context);
        case 'cut a balancer off Redis':
          return cutOffRedis(victim);
        case 'rolling restart':
          return rollingRestart(contestant.members);
        case 'kill Redis':
          return (shared ??= parts.killRedis());
        case 'kill a host':
          return (shared ??= parts.killHost(round % HOSTS));
      }
    }),
  );
  await pause(AFTER_MS);
  const untilMs = machineMs();
  const ended = load.next('done', LOAD_TIMEOUT_MS);
  load.send({ type: 'end' });
  const { contestants } = (await ended) as unknown as LoadDone;

  return turn.map(({ contestant: { name }, fault }, index) => {
    const loaded = contestants[index] as LoadedRequests;
    for (const what of loaded.wrong) stage.onWrong?.(`${name}, ${fault}: ${what}`);
    const outcome = judgeFault(requestsOf(loaded), { clients: CLIENTS, fromMs, faultMs, untilMs });
    const before = outcome.lostBefore === 0 ? '' : `, ${outcome.lostBefore} lost before it`;
    context.say(
      `faults, round ${round + 1}: ${name}, ${fault}: ${outcome.lost} lost, well after ${Math.round(outcome.recoverMs)} ms, ${Math.round(outcome.clientsNoticing * 100)} % of clients notice, worst ${Math.round(outcome.worstMs)} ms, p99 before ${Math.round(outcome.p99BeforeMs)} ms${before}`,
    );
    return outcome;
  });
}

function requestsOf({ client, dueMs, endMs, ending }: LoadedRequests): ClientRequest[] {
  return Array.from(client, (each, index) => ({
    client: each,
    dueMs: dueMs[index] as number,
    endMs: endMs[index] as number,
    isRight: ENDINGS[ending[index] as number] === 'right',
  }));
}

function figuresOf(
  { name, program, balancers }: FaultContestant,
  fault: FaultKind,
  perSecond: number,
  outcomes: readonly FaultOutcome[],
): MeasuredFault {
  const spread = (places: number, of: (outcome: FaultOutcome) => number): Spread =>
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
  };
}
