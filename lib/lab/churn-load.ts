// The clients of `churn`: so many at a time, each with a connection that it keeps as long as what it does
// allows, and a random stream of its own.

import { Random } from '../routing/random.js';
import { ACTIONS, emptyTally, type Tally } from './churn-actions.js';
import { ChurnConnection } from './churn-connection.js';
import { type ActionName, drawAction, MIX } from './churn-mix.js';
import { pause } from './health.js';

/** When no connection comes about there is no hurry. */
const REFUSED_PAUSE_MS = 50;

/** The clients. */
export interface ChurnLoad {
  /** What came of it so far, by action. */
  readonly tallies: ReadonlyMap<ActionName, Tally>;
  /** Sends so many requests, and closes all connections then; pipelined ones make it a few more at most. */
  send(requests: number): Promise<void>;
}

/** Makes so many clients for a port of loopback. They stop when `isOver` says so. */
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
