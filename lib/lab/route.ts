// The cost of finding a request's route: a mixture of routes in several sizes, and the cases that cost the most.

import type { BenchContext } from './context.js';
import { startRole } from './processes.js';
import { type BenchReport, goalBelow } from './report.js';
import { ROUTE_CASES } from './route-cases.js';
import { median, rounded } from './statistics.js';

const DEFAULT_ROUTES = [1, 100, 1000, 10_000];
const DEFAULT_ROUNDS = 9;
const DEFAULT_SECONDS = 0.3;
/** The number of routes up to which the goal is set, and in the worst cases. */
const GOAL_ROUTES = 1000;
const GOAL_NS = 1000;
/** The heap's own bookkeeping is counted too, and is less than this for one of 1,000 calls. */
const GOAL_BYTES = 1;
const TIMEOUT_MS = 120_000;

interface Figures {
  readonly case: string;
  readonly routes: number;
  readonly medianNs: number;
  readonly minNs: number;
  readonly maxNs: number;
  readonly bytesPerFind: number;
  readonly compileMs: number;
}

/** Runs the benchmark. */
export async function runRoute({ flags, say, shutdown }: BenchContext): Promise<BenchReport> {
  const rounds = flags.rounds ?? DEFAULT_ROUNDS;
  const seconds = flags.seconds ?? DEFAULT_SECONDS;
  const [mixed = '', ...worst] = ROUTE_CASES;
  const plan = [
    ...(flags.routes ?? DEFAULT_ROUTES).map((routes) => [mixed, routes] as const),
    ...worst.map((each) => [each, GOAL_ROUTES] as const),
  ];
  const wrong: string[] = [];
  const all: Figures[] = [];
  for (const [name, routes] of plan) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other, so that none disturbs another
    const { child } = await startRole('route', [name, String(routes), String(rounds), String(seconds)], { core: null, shutdown });
    // oxlint-disable-next-line no-await-in-loop
    const routed = await child.next('routed', TIMEOUT_MS);
    // oxlint-disable-next-line no-await-in-loop
    await child.exited;
    const ns = routed.ns as number[];
    wrong.push(...(routed.wrong as string[]).map((what) => `${name}, ${routes} routes: ${what}`));
    const figures = {
      case: name,
      routes,
      medianNs: rounded(median(ns), 1),
      minNs: rounded(Math.min(...ns), 1),
      maxNs: rounded(Math.max(...ns), 1),
      bytesPerFind: rounded(routed.bytes as number, 2),
      compileMs: rounded(routed.compileMs as number, 1),
    };
    all.push(figures);
    say(`${name}, ${routes} routes: ${figures.medianNs} ns`);
  }
  const upToGoal = all.filter((figures) => figures.case === mixed && figures.routes <= GOAL_ROUTES);
  return {
    notes: [
      `CPU time of one find; each case in a process of its own, compiled before measuring; ${rounds} repetitions of ${seconds} s;`,
      'bytes: growth of the used heap over up to 1,000 finds, median of 101 tries, less what looking takes',
    ],
    tables: [
      [
        ['requests', 'routes', 'median ns', 'min ns', 'max ns', 'bytes/find', 'ms to compile'],
        ...all.map((each) => [each.case, each.routes, each.medianNs, each.minNs, each.maxNs, each.bytesPerFind, each.compileMs]),
      ],
    ],
    goals: [
      goalBelow(
        `median of the mixture, up to ${GOAL_ROUTES} routes`,
        Math.max(0, ...upToGoal.map(({ medianNs }) => medianNs)),
        GOAL_NS,
        'ns',
      ),
      goalBelow('allocated for one find, in any case', Math.max(...all.map(({ bytesPerFind }) => bytesPerFind)), GOAL_BYTES, 'bytes'),
    ],
    wrong,
    figures: { byCase: all },
  };
}
