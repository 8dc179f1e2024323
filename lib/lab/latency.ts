// The latency that a proxy adds: an open load of small requests at a low rate, direct to the host and through each
// proxy in turns, so that other load on the machine affects all of them equally.

import type { BenchContext } from './context.js';
import { untilAnswering } from './forward.js';
import type { LatencyDone, LatencyOrder } from './latency-load.js';
import { startLabHost, startLabRedis } from './lab-fleet.js';
import { PEER, startPeers } from './peers.js';
import { type LabChild, startRole } from './processes.js';
import { type BenchReport, goalBelow } from './report.js';
import { distributionOf, median, rounded } from './statistics.js';
import { WORKLOAD_OF } from './workloads.js';

const PER_SECOND = 500;
const DEFAULT_ROUNDS = 10;
const DEFAULT_SECONDS = 2;
const DEFAULT_CONNECTIONS = 16;
/** Limit of p99 above p99 without a proxy. */
const GOAL_MICROS = 300;

/** A higher rate before the first round, so that hot code is compiled. */
const WARM_UP = { perSecond: 4000, seconds: 2 } as const;

const TURN_TIMEOUT_MS = 30_000;
const DIRECT = 'direct to the host';

/** One turn: direct, or through one proxy. */
interface Turn {
  readonly p50: number;
  readonly p99: number;
  readonly lateMicros: number;
  readonly count: number;
}

interface Figures {
  readonly name: string;
  readonly requests: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  /** Median over the rounds of the difference to the direct turn of the same round. */
  readonly addedP50Micros: number;
  readonly addedP99Micros: number;
  readonly addedP99MicrosMin: number;
  readonly addedP99MicrosMax: number;
  readonly lateMicros: number;
}

/** Runs the benchmark. */
export async function runLatency(context: BenchContext): Promise<BenchReport> {
  const { entry, flags, say, shutdown } = context;
  const { rounds = DEFAULT_ROUNDS, seconds = DEFAULT_SECONDS, connections = DEFAULT_CONNECTIONS } = flags;
  // Not bound to a core: at this rate the scheduler finds an idle one, as it would in production.
  const options = { core: null, shutdown };
  const host = await startLabHost('h1', options);
  const redis = await startLabRedis(entry, shutdown);
  const peers = await startPeers(context, host, { redisUrl: redis.url, core: null, names: [PEER.ours, PEER.nginx, PEER.haproxy] });
  for (const peer of peers) {
    await untilAnswering(peer, host);
    await WORKLOAD_OF.small.check(peer, host);
  }
  say(`${peers.map(({ name }) => name).join(', ')}: every one answers rightly`);
  const { child } = await startRole('latency-load', [host.body], options);
  const ways = [{ name: DIRECT, port: host.port }, ...peers];
  const warmUpSeconds = Math.min(WARM_UP.seconds, seconds);
  for (const { port } of ways) await ask(child, { type: 'run', port, connections, perSecond: WARM_UP.perSecond, seconds: warmUpSeconds });

  const turns = new Map<string, Turn[]>(ways.map(({ name }) => [name, []]));
  const wrong: string[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const { name, port } of ways) {
      const done = await ask(child, { type: 'run', port, connections, perSecond: PER_SECOND, seconds });
      if (done.wrong > 0 || done.micros.length === 0) wrong.push(`${name}: ${done.wrong} answers in round ${round} were wrong or missing`);
      const { p50, p99, count } = distributionOf(done.micros);
      turns.get(name)?.push({ p50, p99, count, lateMicros: done.lateMicros });
    }
    say(
      `${round}/${rounds}: ${[...turns].map(([name, list]) => `${name} p50 ${list.at(-1)?.p50.toFixed(0)} p99 ${list.at(-1)?.p99.toFixed(0)} µs`).join(', ')}`,
    );
  }
  return report({ rounds, seconds, connections }, turns, wrong);
}

async function ask(child: LabChild, order: LatencyOrder): Promise<LatencyDone> {
  const answered = child.next('done', order.seconds * 1000 + TURN_TIMEOUT_MS);
  child.send(order);
  return (await answered) as unknown as LatencyDone;
}

function report(
  setup: { readonly rounds: number; readonly seconds: number; readonly connections: number },
  turns: ReadonlyMap<string, readonly Turn[]>,
  wrong: readonly string[],
): BenchReport {
  const figures = [...turns].map(([name, list]) => figuresOf(name, list, turns.get(DIRECT) ?? []));
  const ours = figures.find(({ name }) => name === PEER.ours);
  return {
    notes: [
      `${PER_SECOND} GET/s of 100 bytes at a fixed rate on ${setup.connections} keep-alive connections; ${setup.rounds} round${setup.rounds === 1 ? '' : 's'} of ${setup.seconds} s each in turns;`,
      'µs from the request to the complete answer, medians over the rounds; added: above the direct turn of the same round;',
      'late: p99 of how long after it was due a request was sent, not part of the latency; nothing bound to a core',
    ],
    tables: [
      [
        ['small GET', 'requests', 'p50 µs', 'p99 µs', 'added p50', 'added p99', 'min', 'max', 'late µs'],
        ...figures.map((each) => [
          each.name,
          each.requests,
          each.p50Micros,
          each.p99Micros,
          ...(each.name === DIRECT
            ? ['-', '-', '-', '-']
            : [each.addedP50Micros, each.addedP99Micros, each.addedP99MicrosMin, each.addedP99MicrosMax]),
          each.lateMicros,
        ]),
      ],
    ],
    goals: [
      goalBelow('p99 through meercat, above p99 direct to the host', Math.max(0, ours?.addedP99Micros ?? Number.NaN), GOAL_MICROS, 'µs'),
    ],
    wrong,
    figures: { ...setup, perSecond: PER_SECOND, ways: figures },
  };
}

function figuresOf(name: string, list: readonly Turn[], direct: readonly Turn[]): Figures {
  const added = (of: (turn: Turn) => number): number[] => list.map((turn, round) => of(turn) - of(direct[round] ?? turn));
  const addedP99 = added(({ p99 }) => p99);
  return {
    name,
    requests: list.reduce((sum, { count }) => sum + count, 0),
    p50Micros: rounded(median(list.map(({ p50 }) => p50)), 0),
    p99Micros: rounded(median(list.map(({ p99 }) => p99)), 0),
    addedP50Micros: rounded(median(added(({ p50 }) => p50)), 0),
    addedP99Micros: rounded(median(addedP99), 0),
    addedP99MicrosMin: rounded(Math.min(...addedP99), 0),
    addedP99MicrosMax: rounded(Math.max(...addedP99), 0),
    lateMicros: rounded(median(list.map(({ lateMicros }) => lateMicros)), 0),
  };
}
