// The entry of the thread that simulates fleets of different sizes. Started by matrix-runner.ts, and never imported.

import { parentPort, workerData } from 'node:worker_threads';
import { planScaling, simulateFleet } from './fleet-scaling.js';
import type { FromScaling, MatrixData } from './matrix-messages.js';
import type { ScalingRules } from './balancer-cost.js';

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
const port = parentPort;
const post = (message: FromScaling): void => port.postMessage(message);
const { scenario, seed } = workerData as MatrixData;
const plans = planScaling(scenario, scenario.scaling as ScalingRules);
for (const [run, plan] of plans.entries()) {
  const { balancers, hosts, cpu, clients } = plan;
  const what = `${balancers} balancers, ${hosts} hosts, CPU ${cpu}, clients ${clients}`;
  post({
    type: 'progress',
    progress: { run, runs: plans.length, policy: scenario.policies[0] as string, balancers, load: 0, share: 0, what },
  });
  post({ type: 'figure', figure: simulateFleet(scenario, plan, seed) });
}
