// What a run of the simulation is given, and what it gives.

import type { Algorithm } from '../../model.js';
import type { GivenRequests } from './given-requests.js';
import type { Measure } from './measure.js';
import type { RivalName } from './policy-names.js';
import type { ResourceUse } from './resource-use.js';
import type { Scenario } from './scenario.js';

/** Options of a run. */
export interface RunOptions {
  readonly scenario: Scenario;
  readonly policy: RivalName | Algorithm;
  readonly balancers: number;
  readonly load: number;
  readonly seed: number;
  /** Seed of the policy's own draws; by default `seed`. With another one the requests stay the same. */
  readonly pickSeed?: number;
  /** Called now and then with the completed share (0..1) of the run. */
  readonly onProgress?: (share: number) => void;
  /** After the last arrival, what has not ended within this time counts as failed; by default all is waited for. */
  readonly drainMs?: number;
  /** Neighbours that move at known times, beside those that the scenario draws. */
  readonly neighbourMoves?: readonly NeighbourMove[];
  /** The requests, in place of those that the scenario and the seed draw; each says its balancer. */
  readonly requests?: GivenRequests;
  /**
   * Clients and hosts look at their clocks this often: requests are sent, and answers leave their host, at the next look. 0
   * unless set. For runs without deadlines and without events.
   */
  readonly tickMs?: number;
}

/** From this time on, neighbours take this number of a host's cores. */
export interface NeighbourMove {
  readonly atMs: number;
  readonly host: number;
  readonly taken: number;
}

/** The result of a run. */
export interface RunOutcome {
  readonly measure: Measure;
  /** All requests, including streams and those of the warm-up; each one was answered or is an error. */
  readonly requests: number;
  readonly answered: number;
  /** Requests without an answer, or with a wrong one. */
  readonly errors: number;
  /** Those of them that a balancer refused, since too many waited for it. */
  readonly refused: number;
  readonly retries: number;
  /** Messages between agents, balancers and master. */
  readonly messages: number;
  /** Messages of a peer of its own, such as probes and their answers. */
  readonly direct: number;
  /** What balancers and Redis used in the measured time; null if nothing was measured. */
  readonly use: ResourceUse | null;
  /** Growth of the number of open requests in the measured time, as a share of the requests of that time. */
  readonly backlog: number;
  /** Virtual time at the end. */
  readonly endMs: number;
}
