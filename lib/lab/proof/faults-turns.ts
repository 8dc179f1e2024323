// The turns of the fault rounds: the load begins, each contestant that takes part meets its fault, and what their clients
// saw is judged.

import { MeercatError, messageOf } from '../../errors.js';
import type { BenchContext } from '../context.js';
import { machineMs, pause } from '../health.js';
import type { LabChild } from '../processes.js';
import { cutOffRedis, freezeBalancer, rollingRestart, type SharedParts, victimOf } from './faults-actions.js';
import { ENDINGS } from './faults-client.js';
import type { FaultBalancer, FaultContestant } from './faults-contestants.js';
import { type ClientRequest, type FaultOutcome, judgeFault } from './faults-judge.js';
import type { LoadDone, LoadedRequests, FaultLoadOrder } from './faults-load.js';
import type { FaultTurn } from './faults-plan.js';
import type { FaultKind } from './figures.js';

/** Clients of each contestant. */
export const CLIENTS = 64;

/** Requests that are sent straight to hosts: they show how busy the machine is. */
const DIRECT = { perSecond: 200, clients: 16 } as const;

/** Before the first turn all contestants serve for this long, so that hot code is compiled and answers are checked. */
const REHEARSAL_MS = 2000;

/** In this time of a turn connections open, to hosts too; the p99 before the fault is taken from the time after it. */
const WARM_UP_MS = 300;
const BEFORE_MS = 600;
/** How long clients are watched after all that was hit is back. */
const AFTER_MS = 1000;

const LOAD_TIMEOUT_MS = 20_000;

/** What the turns of a run share. */
export interface FaultStage {
  readonly context: BenchContext;
  readonly parts: SharedParts;
  readonly load: LabChild;
  readonly perSecond: number;
  /** Called with examples of wrong answers. */
  readonly onWrong: ((what: string) => void) | undefined;
}

/** Starts the load on contestants, and the one straight to these hosts. */
async function beginLoad(
  { load, perSecond }: FaultStage,
  contestants: readonly FaultContestant[],
  hostPorts: readonly number[],
  seed: number,
): Promise<void> {
  const loads = contestants.map(({ members }) => ({ ports: members.map(({ port }) => port), perSecond, clients: CLIENTS }));
  const begun = load.next('begun', LOAD_TIMEOUT_MS);
  load.send({ type: 'begin', seed, contestants: [...loads, { ports: hostPorts, ...DIRECT }] } satisfies FaultLoadOrder);
  await begun;
}

/** The requests of each contestant since `beginLoad`, and of the load straight to hosts, the last one. */
async function endLoad({ load }: FaultStage): Promise<readonly LoadedRequests[]> {
  const ended = load.next('done', LOAD_TIMEOUT_MS);
  load.send({ type: 'end' } satisfies FaultLoadOrder);
  return ((await ended) as unknown as LoadDone).contestants;
}

/** All serve for a while, without a fault. Rejects with MEERCAT_START_FAILED unless every answer is right. */
export async function rehearse(stage: FaultStage, contestants: readonly FaultContestant[]): Promise<void> {
  await beginLoad(stage, contestants, stage.parts.hostPorts, 0);
  await pause(REHEARSAL_MS);
  const loaded = await endLoad(stage);
  contestants.forEach(({ name }, index) => {
    const endings = endingsOf(loaded[index] as LoadedRequests);
    if (Object.keys(endings).join() !== 'right')
      throw new MeercatError('MEERCAT_START_FAILED', `faults: ${name} answers wrongly without a fault: ${JSON.stringify(endings)}`);
  });
}

/** Requests by how they ended. */
function endingsOf({ ending }: LoadedRequests): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const each of ending) {
    const name = ENDINGS[each] ?? '';
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** A fault that a contestant met. */
export interface MetFault extends FaultOutcome {
  /** From the kill of a balancer to its start again (ms); null with other faults. */
  readonly startedAfterMs: number | null;
}

/**
 * Runs one turn; returns for each contestant that takes part, in their order, what its clients saw, or why it did not come
 * back. Rejects if what they share does not come back.
 */
export async function runTurn(
  stage: FaultStage,
  planned: FaultTurn<FaultContestant>,
  round: number,
  seed: number,
): Promise<(MetFault | string)[]> {
  const states = await Promise.all(
    planned.map(({ contestant }) => contestant.untilWell().catch((error: unknown) => `was not well before it: ${messageOf(error)}`)),
  );
  const isWell = (index: number): boolean => typeof states[index] !== 'string';
  const turn = planned.filter((_, index) => isWell(index));
  const masters = states.filter((state) => typeof state !== 'string');
  const met = turn.length === 0 ? [] : await meetFaults(stage, turn, masters, round, seed);
  return states.map((state) => (typeof state === 'string' ? state : (met.shift() as MetFault | string)));
}

/** The turn itself, of contestants that are well. */
async function meetFaults(
  stage: FaultStage,
  turn: FaultTurn<FaultContestant>,
  masters: readonly FaultBalancer[],
  round: number,
  seed: number,
): Promise<(MetFault | string)[]> {
  const { context, parts } = stage;
  const hostIndex = round % parts.hostPorts.length;
  await beginLoad(
    stage,
    turn.map(({ contestant }) => contestant),
    parts.hostPorts.filter((_, index) => index !== hostIndex),
    seed,
  );
  await pause(WARM_UP_MS);
  const fromMs = machineMs();
  await pause(BEFORE_MS);

  const faultMs = machineMs();
  // What contestants share is hit once for all of them.
  const hits = new Map<FaultKind, Promise<void>>();
  const once = (fault: FaultKind, hit: () => Promise<void>): Promise<void> => {
    const running = hits.get(fault) ?? hit();
    hits.set(fault, running);
    return running;
  };
  const hit = async ({ contestant, fault }: (typeof turn)[number], master: FaultBalancer): Promise<number | null> => {
    const victim = victimOf(fault, contestant, master);
    switch (fault) {
      case 'kill a balancer':
      case 'kill the master':
        return victim.killAndStart();
      case 'freeze a balancer':
        await freezeBalancer(victim, context);
        return null;
      case 'cut a balancer off Redis':
        await cutOffRedis(victim);
        return null;
      case 'rolling restart':
        await rollingRestart(contestant.members);
        return null;
      case 'kill Redis':
        await once(fault, () => parts.killRedis());
        return null;
      case 'kill a host':
        await once(fault, () => parts.killHost(hostIndex));
        return null;
    }
  };
  const isShared = (fault: FaultKind): boolean => fault === 'kill Redis' || fault === 'kill a host';
  const hitAfter = await Promise.all(
    turn.map(async (each, index) => {
      try {
        return await hit(each, masters[index] as FaultBalancer);
      } catch (error) {
        if (isShared(each.fault)) throw error;
        return `did not come back: ${messageOf(error)}`;
      }
    }),
  );
  await pause(AFTER_MS);
  const untilMs = machineMs();
  const all = await endLoad(stage);
  const direct = requestsOf(all.at(-1) as LoadedRequests);

  return turn.map(({ contestant: { name }, fault }, index) => {
    const startedAfterMs = hitAfter[index] as number | null | string;
    const loaded = all[index] as LoadedRequests;
    for (const what of loaded.wrong) stage.onWrong?.(`${name}, ${fault}: ${what}`);
    if (typeof startedAfterMs === 'string') return startedAfterMs;
    const outcome = judgeFault(requestsOf(loaded), direct, { clients: CLIENTS, fromMs, faultMs, untilMs });
    const { right: _, ...lostBy } = endingsOf(loaded);
    const figures = [
      `${outcome.lost} lost${outcome.lost === 0 ? '' : ` ${JSON.stringify(lostBy)}`}`,
      ...(outcome.lostBefore === 0 ? [] : [`${outcome.lostBefore} lost before`]),
      `recovered after ${Math.round(outcome.recoverMs)} ms`,
      `${Math.round(outcome.clientsNoticing * 100)} % of clients noticed`,
      `longest wait ${Math.round(outcome.worstMs)} ms`,
      `p99 before ${Math.round(outcome.p99BeforeMs)} ms`,
      ...(startedAfterMs === null ? [] : [`started ${startedAfterMs.toFixed(1)} ms after the kill`]),
    ];
    context.say(`faults, round ${round + 1}: ${name}, ${fault}: ${figures.join(', ')}`);
    return { ...outcome, startedAfterMs };
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
