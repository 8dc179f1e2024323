// How long a fleet is without a master, and whether clients notice: four balancers as real processes under a steady
// load; the master is repeatedly killed or stopped.

import { DEFAULTS } from '../config/config.js';
import type { BenchContext } from './context.js';
import { pause, until } from './health.js';
import { checkAnswers, LabBalancer, startLabHost, startLabRedis, untilOneMaster } from './lab-fleet.js';
import { type Answered, type FailedRequest, type OpenLoad, startOpenLoad } from './open-load.js';
import { type BenchReport, goalBelow } from './report.js';
import { type Distribution, distributionOf, rounded } from './statistics.js';

const BALANCERS = 4;
const REQUESTS_PER_SECOND = 75;
const POLL_MS = 5;

/** A round that takes longer than this has failed. */
const ROUND_TIMEOUT_MS = 20_000;

const KILLED_GOAL_MS = 2000;
const STOPPED_GOAL_MS = 150;

/** The signal to the master. */
type Ending = 'SIGKILL' | 'SIGTERM';

interface Round {
  readonly victim: LabBalancer;
  /** Time from the signal until every survivor knew the new term and one of them was master. */
  readonly electedMs: number;
  readonly fromMs: number;
  /** When the victim served again. */
  readonly toMs: number;
}

/** Runs the benchmark. */
export async function runFailover({ entry, flags, say, shutdown }: BenchContext): Promise<BenchReport> {
  const rounds = flags.rounds ?? 20;
  const options = { core: null, shutdown };
  const redis = await startLabRedis(entry, shutdown);
  const hosts = await Promise.all(['h1', 'h2'].map((name) => startLabHost(name, options)));
  const bodies = new Set(hosts.map(({ body }) => body));
  const balancers: LabBalancer[] = [];
  for (let i = 1; i <= BALANCERS; i++) balancers.push(await LabBalancer.start(entry, `b${i}`, redis.url, hosts, options));
  await Promise.all(balancers.map((balancer) => balancer.untilServing(hosts.length)));
  await untilOneMaster(balancers);
  for (const { name, port } of balancers) await checkAnswers(name, port, bodies, 20);
  say(`${BALANCERS} balancers serve, and every one answers rightly`);

  const load = startOpenLoad(
    balancers.map(({ port }) => port),
    REQUESTS_PER_SECOND,
    bodies,
  );
  shutdown.add(() => load.stop());
  const done = new Map<Ending, Round[]>();
  for (const ending of ['SIGKILL', 'SIGTERM'] as const) {
    const list: Round[] = [];
    done.set(ending, list);
    for (let i = 1; i <= rounds; i++) {
      const round = await runRound(balancers, ending, hosts.length);
      list.push(round);
      const failed = load.failures.filter((failure) => failure.atMs >= round.fromMs && !isVictims(failure, round)).length;
      say(
        `${ending} ${i}/${rounds}: ${round.victim.name} was master, a new one after ${Math.round(round.electedMs)} ms, failed on the survivors: ${failed}`,
      );
    }
  }
  await pause(500);
  await load.stop();
  return report(rounds, redis.kind, done, load);
}

/** Signals the master, waits for the next one, and restarts the old one. */
async function runRound(balancers: readonly LabBalancer[], ending: Ending, hosts: number): Promise<Round> {
  const { master, term } = await untilOneMaster(balancers);
  // Long enough for every slave to learn its rank by heartbeat; random relative to the lease renewals.
  await pause(1100 + Math.random() * 500);
  const survivors = balancers.filter((balancer) => balancer !== master);
  const fromMs = performance.now();
  master.process.kill(ending);
  const [electedAtMs] = await Promise.all([untilElected(survivors, term), master.process.exited]);
  master.restart();
  await master.untilServing(hosts);
  await untilOneMaster(balancers);
  return { victim: master, electedMs: electedAtMs - fromMs, fromMs, toMs: performance.now() };
}

/** The time at which all survivors knew a newer term and one of them was master. */
async function untilElected(survivors: readonly LabBalancer[], oldTerm: number): Promise<number> {
  let electedAtMs = Number.NaN;
  await Promise.all(
    survivors.map((survivor) =>
      until(`${survivor.name} knows a term after ${oldTerm}`, ROUND_TIMEOUT_MS, POLL_MS, async () => {
        const health = await survivor.health();
        return health !== null && health.term > oldTerm;
      }),
    ),
  );
  await until('a survivor is master', ROUND_TIMEOUT_MS, POLL_MS, async () => {
    const pages = await Promise.all(survivors.map((survivor) => survivor.health()));
    electedAtMs = performance.now();
    return pages.some((health) => health?.role === 'master' && health.term > oldTerm);
  });
  return electedAtMs;
}

/** Whether this request was affected directly: sent to the balancer while it was down, or lost with it. */
function isVictims({ port, atMs, endMs }: Answered, { victim, fromMs, toMs }: Round): boolean {
  return port === victim.port && endMs >= fromMs && atMs <= toMs;
}

interface EndingFigures {
  readonly ms: Distribution;
  readonly eachMs: readonly number[];
  /** Requests to the survivors that failed, from the first of these rounds to the end of the last. */
  readonly failed: number;
  /** Requests to the signalled balancer that were lost on an open connection. */
  readonly ownLost: number;
  /** Those by kind, with their counts. */
  readonly ownLostBy: Readonly<Record<string, number>>;
  /** Requests refused because nothing listened on its port; harmless. */
  readonly ownRefused: number;
}

function figuresOf(rounds: readonly Round[], failures: readonly FailedRequest[]): EndingFigures {
  const eachMs = rounds.map(({ electedMs }) => rounded(electedMs, 1));
  const [fromMs = 0, toMs = 0] = [rounds.at(0)?.fromMs, rounds.at(-1)?.toMs];
  const own = failures.filter((failure) => rounds.some((round) => isVictims(failure, round)));
  const ownLostBy: Record<string, number> = {};
  for (const { what } of own) ownLostBy[what] = (ownLostBy[what] ?? 0) + 1;
  const { ECONNREFUSED: refused = 0 } = ownLostBy;
  delete ownLostBy.ECONNREFUSED;
  const during = failures.filter(({ atMs, endMs }) => endMs >= fromMs && atMs <= toMs);
  return {
    ms: distributionOf(eachMs),
    eachMs,
    failed: during.length - own.length,
    ownLost: own.length - refused,
    ownLostBy,
    ownRefused: refused,
  };
}

function report(rounds: number, redisKind: string, done: ReadonlyMap<Ending, readonly Round[]>, load: OpenLoad): BenchReport {
  const all = [...done.values()].flat();
  const killed = figuresOf(done.get('SIGKILL') ?? [], load.failures);
  const stopped = figuresOf(done.get('SIGTERM') ?? [], load.failures);
  const onSurvivors = (request: Answered): boolean => !all.some((round) => isVictims(request, round));
  const failed = load.failures.filter(onSurvivors);
  const answered = load.answered.filter(onSurvivors);
  const latencyMs = distributionOf(answered.map(({ atMs, endMs }) => rounded(endMs - atMs, 2)));
  const wrongBodies = load.failures.filter(({ what }) => what === 'wrong body').length;
  const row = (name: string, { ms, ...counts }: EndingFigures): (string | number)[] => [
    name,
    ms.count,
    ms.min,
    ms.p50,
    ms.p99,
    ms.max,
    counts.failed,
    counts.ownLost,
    counts.ownRefused,
  ];
  return {
    notes: [
      `${BALANCERS} balancers (lease ${DEFAULTS.leaseTtlMs} ms), 2 hosts, ${redisKind}; ${REQUESTS_PER_SECOND} requests/s to each balancer on keep-alive connections;`,
      `ms from the signal until all survivors know the new term and one of them is master; health pages asked every ${POLL_MS} ms;`,
      'failed: requests to the survivors; own lost, refused: requests to the ended one itself, until it was back',
    ],
    tables: [
      [
        ['master ended by', 'rounds', 'min ms', 'p50 ms', 'p99 ms', 'worst ms', 'failed', 'own lost', 'own refused'],
        row('kill -9', killed),
        row('SIGTERM', stopped),
      ],
      [
        ['requests to survivors', 'answered', 'failed', 'p50 ms', 'p99 ms', 'slowest ms'],
        ['whole run', answered.length, failed.length, latencyMs.p50, latencyMs.p99, latencyMs.max],
      ],
    ],
    goals: [
      goalBelow('kill -9, worst', killed.ms.max, KILLED_GOAL_MS, 'ms'),
      goalBelow('good order, worst', stopped.ms.max, STOPPED_GOAL_MS, 'ms'),
      goalBelow('requests failed on survivors', failed.length, 0, '', true),
    ],
    wrong: wrongBodies === 0 ? [] : [`${wrongBodies} answers were not a host's`],
    figures: {
      rounds,
      requestsPerSecond: REQUESTS_PER_SECOND,
      killed,
      stopped,
      answered: answered.length,
      failed: failed.length,
      failures: failed.slice(0, 50),
      latencyMs,
    },
  };
}
