// The child process of `bench ablation`: simulates one scenario with one constant of the product replaced, and sends its
// figures. The simulation is imported only after the hook is in place, so this file may import nothing of the product
// that holds such a constant.

import type { Replacement } from './constants-of.js';
import { isReplaced, replaceOnImport } from './replacing-loader.js';
import type { Latencies } from './simulation/measure.js';
import type { Scenario } from './simulation/scenario.js';

/** What the process is to simulate: `adaptive`, with each number of balancers and each load of the scenario. */
export interface AblatedOrder {
  readonly scenario: Scenario;
  readonly seed: number;
  /** Seed of the policy's own draws. */
  readonly pickSeed: number;
  /** Undefined: the product as it is. */
  readonly replacement: Replacement | undefined;
}

/** The figures of one run. */
export interface AblatedFigures {
  readonly balancers: number;
  readonly load: number;
  readonly ms: Latencies;
  /** Requests without an answer, or with a wrong one. */
  readonly errors: number;
}

/** Runs the role: waits for an order, simulates, and sends `{ type: 'simulated', figures }`. */
export async function runAblated(): Promise<() => void> {
  process.once('message', ({ order }: { readonly order: AblatedOrder }) => void simulateOrder(order));
  process.send?.({ type: 'ready' });
  return () => undefined;
}

async function simulateOrder({ scenario, seed, pickSeed, replacement }: AblatedOrder): Promise<void> {
  if (replacement !== undefined) replaceOnImport(replacement);
  const { runSimulation } = await import('./simulation/simulation.js');
  const { latenciesOf } = await import('./simulation/measure.js');
  if (replacement !== undefined && !isReplaced(replacement)) throw new Error(`the simulation does not load ${replacement.url}`);
  const parent = process.ppid;
  // A simulation computes for minutes without a pause, and so hears neither signals nor the end of the channel.
  const onProgress = (): void => {
    if (process.ppid !== parent) process.exit(1);
  };
  const figures: AblatedFigures[] = [];
  for (const load of scenario.loads)
    for (const balancers of scenario.balancers) {
      const { measure, errors } = runSimulation({ scenario, policy: 'adaptive', balancers, load, seed, pickSeed, onProgress });
      figures.push({ balancers, load, ms: latenciesOf(measure.sorted()), errors });
    }
  process.send?.({ type: 'simulated', figures }, () => process.disconnect());
}
