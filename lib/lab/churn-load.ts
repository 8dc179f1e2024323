// The clients of `churn`: a fixed number at a time, each with a connection that it reuses while its actions allow that,
// and a random sequence of its own.

import { Random } from '../routing/random.js';
import { ACTIONS, emptyTally, type Tally } from './churn-actions.js';
import { ChurnConnection } from './churn-connection.js';
import { type ActionName, drawAction, MIX } from './churn-mix.js';
import { pause } from './health.js';

/** Delay after a failed connect. */
const REFUSED_PAUSE_MS = 50;

/** The clients. */
export interface ChurnLoad {
  /** Results so far, by action. */
  readonly tallies: ReadonlyMap<ActionName, Tally>;
  /** Sends this many requests, at most a few more due to pipelining, then closes all connections. */
  send(requests: number): Promise<void>;
}

/** Creates clients for a loopback port. They stop once `isOver` returns true. */
export function startChurnLoad(port: number, clients: number, seed: number, isOver: () => boolean): ChurnLoad {
  const tallies = new Map<ActionName, Tally>(MIX.map(([name]) => [name, emptyTally()]));
  const randoms = Array.from({ length: clients }, (_, index) => new Random(seed + index));
  let turns = 0;

  const sent = (): number => {
    let sum = 0;
    for (const { requests } of tallies.values()) sum += requests;
    return sum;
  };

  async function run(random: Random, target: number): Promise<void> {
    let connection: ChurnConnection | null = null;
    while (sent() < target && !isOver()) {
      const name = drawAction(random);
      const tally = tallies.get(name) as Tally;
      connection ??= await ChurnConnection.open(port);
      if (connection === null) {
        tally.requests++;
        tally.unanswered++;
        await pause(REFUSED_PAUSE_MS);
        continue;
      }
      await ACTIONS[name]({ connection, port, random, id: `r${turns++}`, tally });
      if (!connection.isUsable) {
        connection.leave();
        connection = null;
      }
    }
    connection?.leave();
  }

  return {
    tallies,
    async send(requests) {
      const target = sent() + requests;
      await Promise.all(randoms.map((random) => run(random, target)));
    },
  };
}
