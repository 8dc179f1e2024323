// Scenarios in which the request costs that a model learns are compared with the true ones, and how far off they may be:
// a factor of 1.5 after a minute, for every class with 5 % of the work.

import * as assert from 'uvu/assert';
import { CostModel } from '../../lib/learning/cost-model.js';
import { type CostScenario, hearCosts, type SimulatedClass } from './cost-simulation.js';

/** Three classes of unlike cost. */
export const THREE: readonly SimulatedClass[] = [
  { name: 'short', share: 0.8, cpuMs: 5 },
  { name: 'middle', share: 0.15, cpuMs: 20 },
  { name: 'long', share: 0.05, cpuMs: 200 },
];
const EIGHT_SHARES = [0.2, 0.2, 0.15, 0.15, 0.1, 0.08, 0.08, 0.04];
const EIGHT: readonly SimulatedClass[] = [1, 2, 4, 8, 15, 30, 60, 150].map((cpuMs, i) => ({
  name: `c${cpuMs}`,
  share: EIGHT_SHARES[i] as number,
  cpuMs,
}));
const EIGHT_WAITING = EIGHT.map((one, i) => ({
  name: one.name,
  share: one.share,
  cpuMs: one.cpuMs,
  waitMs: [0, 50, 0, 30, 0, 100, 0, 200][i] as number,
}));
const WAITING: readonly SimulatedClass[] = [
  { name: 'short', share: 0.6, cpuMs: 5 },
  { name: 'waits', share: 0.3, cpuMs: 2, waitMs: 98 },
  { name: 'middle', share: 0.1, cpuMs: 20 },
];

/** The factor by which a learned cost may be off. */
export const GOAL = 1.5;
const IS_SHOWING = Boolean(process.env['MEERCAT_SHOW']);

/** Per class with at least 5 % of the work, the ratio of its cost to the true one, or its inverse. */
export function factors(model: CostModel, classes: readonly SimulatedClass[]): Map<string, number> {
  const work = classes.reduce((sum, { share, cpuMs }) => sum + share * cpuMs, 0);
  const costs = model.costs();
  return new Map(
    classes
      .filter(({ share, cpuMs }) => share * cpuMs >= 0.05 * work)
      .map(({ name, cpuMs }): [string, number] => {
        const cost = costs.get(name) ?? Number.NaN;
        return [name, Math.max(cost / cpuMs, cpuMs / cost)];
      }),
  );
}

/** By title; those that do not say how many hosts they have get them from the test. */
export const SCENARIOS: Readonly<Record<string, Omit<CostScenario, 'seconds' | 'seed'>>> = {
  'three classes, 70 % load': { classes: THREE, load: 0.7 },
  'three classes, 90 % load': { classes: THREE, load: 0.9 },
  'eight classes, 70 % load': { classes: EIGHT, load: 0.7 },
  'eight classes, 90 % load': { classes: EIGHT, load: 0.9 },
  'a class that waits for 98 of 100 ms, 70 % load': { hosts: 6, classes: WAITING, load: 0.7 },
  'a class that waits for 98 of 100 ms, 90 % load': { hosts: 6, classes: WAITING, load: 0.9 },
  'eight classes of which half wait': { classes: EIGHT_WAITING, load: 0.7 },
  'three hosts': { classes: THREE, load: 0.7, hosts: 3 },
  'three hosts, 90 % load': { classes: THREE, load: 0.9, hosts: 3 },
  'three hosts, eight classes': { classes: EIGHT, load: 0.7, hosts: 3 },
  'three hosts, a class that waits': { classes: WAITING, load: 0.7, hosts: 3 },
  'rates that rise and fall together': { classes: THREE, load: 0.6, rateAt: (nowMs) => 1 + 0.4 * Math.sin(nowMs / 3000) },
  'requests of a class of unlike cost': { classes: THREE, load: 0.7, isSpread: true },
  'load messages every 100 ms': { classes: THREE, load: 0.7, loadMs: 100 },
  'counts by the second: durations tell': { classes: THREE, load: 0.7, loadMs: 1000 },
};

/** Lets a model learn for a minute, and compares. MEERCAT_SHOW=1 prints the figures. */
export function checkCosts(title: string, hosts: number, seed: number): void {
  const scenario = { hosts, ...(SCENARIOS[title] as Omit<CostScenario, 'seconds' | 'seed'>) };
  const model = new CostModel();
  hearCosts(model, { ...scenario, seconds: 61, seed });
  const found = factors(model, scenario.classes);
  const said = [...found].map(([name, factor]) => `${name} ${factor.toFixed(2)}`).join(', ');
  if (IS_SHOWING) process.stdout.write(`${title}, ${scenario.hosts} hosts, seed ${seed}: ${said}\n`);
  for (const [name, factor] of found) assert.ok(factor <= GOAL, `${scenario.hosts} hosts, seed ${seed}, ${name}: ${factor.toFixed(2)}`);
}
