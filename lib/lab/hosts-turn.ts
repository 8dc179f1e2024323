// One turn of a load on simulated hosts: hosts and load begin together, the warm-up passes, and what the caller reads is
// read at the start and at the end of the measured time. With the same seed, hosts and requests are the same whoever
// balances them. At the end the hosts answer all that is left, so that a turn leaves nothing to the next one.

import type { ArrivalConnections, ArrivalTurn, TurnDone } from './arrivals.js';
import { pause } from './health.js';
import type { LabChild } from './processes.js';
import type { HostsSeen } from './virtual-hosts.js';

const ANSWER_TIMEOUT_MS = 20_000;

/** What a turn is. */
export interface HostsTurn extends Omit<ArrivalTurn, 'type'> {
  /** Factor on the cost of each request and on the time that a neighbour stays. */
  readonly slow: number;
  /** Scatter of the work of requests; 0 unless set. */
  readonly sigma?: number;
}

/** What was seen of a turn. */
export interface TurnSeen<Reading> {
  readonly turn: TurnDone;
  readonly hosts: HostsSeen;
  /** What the caller read when the measured time began, and when it ended. */
  readonly before: Reading;
  readonly after: Reading;
}

/**
 * Opens connections for the next turn, and has a request answered on each. That turn opens no others. Rejects if the load
 * ends or does not answer.
 */
export async function openConnections(load: LabChild, ports: readonly number[], connections: number): Promise<void> {
  const connected = load.next('connected', ANSWER_TIMEOUT_MS);
  load.send({ type: 'connect', ports, connections } satisfies ArrivalConnections);
  await connected;
}

/** Runs a turn with the roles `virtual-hosts` and `arrivals`. Rejects if one of them ends or does not answer. */
export async function runHostsTurn<Reading>(
  hosts: LabChild,
  load: LabChild,
  { slow, sigma = 0, ...arrivals }: HostsTurn,
  read: (at: 'start' | 'end') => Reading | Promise<Reading>,
): Promise<TurnSeen<Reading>> {
  const { seed, warmUpMs, measuredMs, graceMs } = arrivals;
  const begun = hosts.next('begun', ANSWER_TIMEOUT_MS);
  const seen = hosts.next('seen', warmUpMs + measuredMs + ANSWER_TIMEOUT_MS);
  const done = load.next('done', warmUpMs + measuredMs + graceMs + ANSWER_TIMEOUT_MS);
  // One of them fails before it is awaited if its process ends meanwhile.
  for (const each of [seen, done]) each.catch(() => undefined);
  hosts.send({ type: 'begin', slow, sigma, seed, warmUpMs, measuredMs });
  await begun;
  load.send({ type: 'turn', ...arrivals });
  await pause(warmUpMs);
  const before = await read('start');
  const hostsSeen = (await seen) as unknown as HostsSeen;
  const after = await read('end');
  const turn = (await done) as unknown as TurnDone;
  const ended = hosts.next('ended', ANSWER_TIMEOUT_MS);
  hosts.send({ type: 'end' });
  await ended;
  return { turn, hosts: hostsSeen, before, after };
}
