// What a fault is, and the choice of its victim.

import type { Random } from '../../routing/random.js';
import type { ChaosBalancer } from './chaos-balancer.js';
import type { Stage } from './stage.js';

/** A fault that has begun. */
export interface Begun {
  /** What it hit, for the report: `master`, `slave`, `redis`, `host`, … */
  readonly hit: string;
  /** Ends it. The fleet must be well within 5 s after this has resolved. */
  readonly heal: () => void | Promise<void>;
  /** How long it lasts, if not as long as faults last in general. */
  readonly holdMs?: number;
}

/** Begins a fault. All its random choices come from `random`, in the same order each time. */
export type Fault = (stage: Stage, random: Random) => Promise<Begun>;

/** Faults by name. */
export type Faults = Readonly<Record<string, Fault>>;

/** A balancer, and what it was when it was chosen. */
export interface Victim {
  readonly victim: ChaosBalancer;
  readonly hit: 'master' | 'slave';
}

/** Picks the victim of a fault: the master more than half of the time, as most promises are about it. */
export async function pickVictim({ balancers }: Stage, random: Random): Promise<Victim> {
  const wantsMaster = random.below(2) === 0;
  const drawn = balancers[random.below(balancers.length)] as ChaosBalancer;
  const pages = await Promise.all(balancers.map((each) => each.health()));
  const master = balancers.find((_, index) => pages[index]?.role === 'master');
  const victim = wantsMaster && master !== undefined ? master : drawn;
  return { victim, hit: victim === master ? 'master' : 'slave' };
}

/** Picks one of several. */
export function pickOne<Item>(items: readonly Item[], random: Random): Item {
  return items[random.below(items.length)] as Item;
}
