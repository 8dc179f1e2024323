// Turns of `bench fleet`: one contestant, with its share of CPU, under one load. The next turn finds it without a limit
// and without a backlog.

import { type HostsTurn, openConnections, runHostsTurn } from '../hosts-turn.js';
import type { LabChild } from '../processes.js';
import type { Contender, Use } from './contestants.js';
import { type Sample, sampleOf } from './samples.js';

/** Before the measured time of a turn: queues reach their steady state. */
const SETTLE_MS = 400;
/** A short turn settles for this share of its time. */
const SETTLE_SHARE = 1 / 4;

/** Requests unanswered this long after the last one was due have failed: they took longer than the SLO allows in p99. */
const GRACE_MS = 300;

/**
 * The load has a connection for each request of this time, between these limits. All are opened before the turn, without a
 * limit of CPU, and no more are: else a balancer that falls behind once has a connection to accept for each request that
 * waits, falls behind further by that, and does not recover within its turn. As many requests are in flight where their mean
 * latency is as long, which no turn within the SLO comes near; the others wait for a connection, and their wait counts.
 */
export const CONNECTED_SECONDS = 0.1;
const LEAST_CONNECTIONS_EACH = 8;
const MOST_CONNECTIONS = 1024;

/** Until the last requests of a turn are answered, about. */
const LAST_ANSWERS_MS = 200;

/** A turn is extended until it has this many requests. */
export const ENOUGH_REQUESTS = 500;
/** A turn is extended up to this many times its length. */
export const MOST_TIMES = 1.5;

/** What all turns have in common. */
export interface Rig {
  readonly hosts: LabChild;
  readonly load: LabChild;
  /** Port of the omniscient floor. */
  readonly floorPort: number;
  /** Factor on the cost of each request. */
  readonly slow: number;
  /** Scatter of that cost. */
  readonly sigma: number;
  readonly seconds: number;
}

/** Whose turn it is; without processes it is the floor's. */
export interface TurnOf {
  readonly contender: Contender | null;
  /** CPU of each balancer, in cores; null for no limit. */
  readonly cores: number | null;
  readonly perSecond: number;
  readonly seed: number;
  /** Measured time, if it is not that of the rig. */
  readonly seconds?: number;
}

/** Runs one turn; afterwards the contestant has no limit. */
export async function runLoadTurn(
  rig: Rig,
  { contender, cores, perSecond, seed, seconds = secondsOf(rig, perSecond) }: TurnOf,
): Promise<Sample> {
  const ports = contender?.ports ?? [rig.floorPort];
  const times = turnTimesOf(seconds);
  await openConnections(rig.load, ports, connectionsOf(perSecond, ports.length));
  contender?.limit(cores);
  try {
    const read = async (): Promise<Use | null> => (contender === null ? null : contender.read());
    const { turn, hosts, before, after } = await runHostsTurn(
      rig.hosts,
      rig.load,
      { ports, perSecond, seed, slow: rig.slow, sigma: rig.sigma, ...times },
      read,
    );
    return sampleOf(turn, hosts, seconds, before === null || after === null ? null : [before, after]);
  } finally {
    contender?.limit(null);
  }
}

/** Connections of the load to all balancers together. */
export function connectionsOf(perSecond: number, balancers: number): number {
  return Math.min(Math.max(Math.ceil(CONNECTED_SECONDS * perSecond), LEAST_CONNECTIONS_EACH * balancers), MOST_CONNECTIONS);
}

/** The times of a turn with this measured time. */
export function turnTimesOf(seconds: number): Pick<HostsTurn, 'warmUpMs' | 'measuredMs' | 'graceMs'> {
  return { warmUpMs: Math.min(SETTLE_MS, seconds * 1000 * SETTLE_SHARE), measuredMs: seconds * 1000, graceMs: GRACE_MS };
}

/** Measured time under this load: longer where requests are few, since p99 needs some hundreds of them. */
function secondsOf({ seconds }: Pick<Rig, 'seconds'>, perSecond: number): number {
  return Math.min(Math.max(seconds, ENOUGH_REQUESTS / perSecond), MOST_TIMES * seconds);
}

/** How long a turn takes, about. */
export function turnMs({ seconds }: Pick<Rig, 'seconds'>): number {
  const { warmUpMs, measuredMs } = turnTimesOf(seconds);
  return warmUpMs + measuredMs + LAST_ANSWERS_MS;
}
