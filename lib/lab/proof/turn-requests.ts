// What hosts and balancers get in a simulated turn: the requests and neighbours of the real turn with the same seed, after
// an earlier turn and a rest. From the earlier one a fleet knows what requests cost; what it learned of the hosts' speed it
// forgets while it rests, as the real one does until its next turn. Pure.

import { drawArrivals, drawNeighbours, workOf } from '../scenario.js';
import type { GivenRequests } from '../simulation/given-requests.js';
import type { NeighbourMove } from '../simulation/run-options.js';

/** The seed of the earlier turn is that of the turn and this. */
const EARLIER_SEED = 7_000_000;

/** What a turn is made of. */
export interface TurnShape {
  readonly seed: number;
  readonly perSecond: number;
  readonly balancers: number;
  readonly hosts: number;
  /** Factor on the work of requests and on the time that a neighbour stays, and the scatter of that work. */
  readonly slow: number;
  readonly sigma: number;
  readonly lengthMs: number;
  /** How long the fleet rests between two turns; 0: there is no earlier one. */
  readonly restMs: number;
}

/** Its requests and neighbours, and when it begins. */
export interface TurnRequests {
  readonly requests: GivenRequests;
  readonly neighbourMoves: readonly NeighbourMove[];
  readonly fromMs: number;
}

/** Draws both turns. */
export function turnRequests(shape: TurnShape): TurnRequests {
  const { seed, hosts, lengthMs, restMs } = shape;
  const turn = drawTurn(shape, seed, restMs === 0 ? 0 : lengthMs + restMs);
  if (restMs === 0) return { ...turn, fromMs: 0 };
  const earlier = drawTurn(shape, seed + EARLIER_SEED, 0);
  const join = (of: keyof GivenRequests): number[] => [...Array.from(earlier.requests[of]), ...Array.from(turn.requests[of])];
  // At its end the hosts are without neighbours.
  const leaving = Array.from({ length: hosts }, (_, host): NeighbourMove => ({ atMs: lengthMs, host, taken: 0 }));
  return {
    requests: { atMs: join('atMs'), kind: join('kind'), workMs: join('workMs'), to: join('to') },
    neighbourMoves: [...earlier.neighbourMoves, ...leaving, ...turn.neighbourMoves],
    fromMs: lengthMs + restMs,
  };
}

function drawTurn(
  { perSecond, balancers, hosts, slow, sigma, lengthMs }: TurnShape,
  seed: number,
  fromMs: number,
): Pick<TurnRequests, 'requests' | 'neighbourMoves'> {
  const { atMs, kind, to } = drawArrivals(seed, perSecond, lengthMs, balancers);
  return {
    requests: {
      atMs: atMs.map((each) => fromMs + each),
      kind,
      workMs: Float64Array.from(kind, (each, index) => slow * workOf(each, { index, seed, sigma })),
      to,
    },
    neighbourMoves: drawNeighbours(seed, hosts, lengthMs, slow).map(({ atMs: at, host, taken }) => ({ atMs: fromMs + at, host, taken })),
  };
}
