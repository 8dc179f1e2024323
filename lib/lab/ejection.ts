// How long a fleet keeps sending requests to a dead host, and how clients are affected: real balancers under an open load;
// a host is repeatedly killed, or frozen (it accepts and never answers). The time of the last request to the host is read
// from the balancers' access logs.

import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { createRunFolder } from '../run-folder.js';
import type { BenchContext } from './context.js';
import { get, pause, until } from './health.js';
import { checkAnswers, LabBalancer, type LabHost, startLabHost, startLabRedis } from './lab-fleet.js';
import { type OpenLoad, startOpenLoad } from './open-load.js';
import { freePort, type StartOptions } from './processes.js';
import { type BenchReport, goalBelow } from './report.js';
import { type Distribution, distributionOf, rounded } from './statistics.js';

const BALANCERS = 3;
const HOSTS = 4;
const DEFAULT_ROUNDS = 5;

/** Rate of the whole fleet. */
const REQUESTS_PER_SECOND = 500;

/** Short, since otherwise a frozen host would be waited for as long as the slowest legitimate response. */
const RESPONSE_TIMEOUT_MS = 500;

const FLAGS = [
  '--response-timeout',
  `${RESPONSE_TIMEOUT_MS}ms`,
  // A frozen host still accepts connections: only an HTTP check shows that it is not back.
  '--health-path',
  '/',
  // Each round starts with all hosts in the same state.
  '--eject-max-time',
  '1s',
  '--slow-start',
  '0',
];

/** How long a host stays dead; requests to it are counted in this time. */
const WATCH_MS = 1500;

/** If a host does not come back within this time, the benchmark fails. */
const RETURN_TIMEOUT_MS = 20_000;

const KILLED_GOAL_MS = 1000;
const KILLED_GOAL_FAILED = 1;

/** How the host is killed or frozen. */
type Ending = 'SIGKILL' | 'SIGSTOP';

interface Round {
  readonly host: string;
  /** When the signal was sent, by `performance.now()` and by the wall clock. */
  readonly atMs: number;
  readonly atEpochMs: number;
}

/** A balancer and its access log. */
interface Logged {
  readonly balancer: LabBalancer;
  readonly file: string;
}

/** Runs the benchmark. */
export async function runEjection({ entry, flags, say, shutdown }: BenchContext): Promise<BenchReport> {
  const rounds = flags.rounds ?? DEFAULT_ROUNDS;
  const options: StartOptions = { core: null, shutdown };
  const folder = createRunFolder('ejection');
  shutdown.add(() => folder.remove());
  const redis = await startLabRedis(entry, shutdown);
  const hosts = await Promise.all(Array.from({ length: HOSTS }, async (_, i) => startLabHost(`h${i + 1}`, options, await freePort())));
  const bodies = new Set(hosts.map(({ body }) => body));
  const logged: Logged[] = [];
  for (let i = 1; i <= BALANCERS; i++) {
    const file = join(folder.path, `b${i}.log`);
    logged.push({
      balancer: await LabBalancer.start(entry, `b${i}`, redis.url, hosts, options, [
        ...FLAGS,
        '--access-log',
        'json',
        '--access-log-file',
        file,
      ]),
      file,
    });
  }
  const balancers = logged.map(({ balancer }) => balancer);
  await Promise.all(balancers.map((balancer) => balancer.untilServing(HOSTS)));
  for (const { name, port } of balancers) await checkAnswers(name, port, bodies, 20);
  say(`${BALANCERS} balancers serve, and every one answers rightly`);

  const load = startOpenLoad(
    balancers.map(({ port }) => port),
    REQUESTS_PER_SECOND / BALANCERS,
    bodies,
  );
  shutdown.add(() => load.stop());
  const done = new Map<Ending, Round[]>();
  for (const ending of ['SIGKILL', 'SIGSTOP'] as const) {
    const list: Round[] = [];
    done.set(ending, list);
    for (let i = 0; i < rounds; i++) {
      const at = i % HOSTS;
      const host = hosts[at] as LabHost;
      await Promise.all(balancers.map((balancer) => untilSentTo(balancer, host)));
      await pause(500 + Math.random() * 500);
      const round = { host: host.name, atMs: performance.now(), atEpochMs: Date.now() };
      list.push(round);
      hosts[at] = await endFor(WATCH_MS, host, ending, options);
      say(
        `${ending} ${i + 1}/${rounds}: ${host.name}, requests failed: ${load.failures.filter(({ endMs }) => endMs >= round.atMs).length}`,
      );
    }
  }
  await load.stop();
  // Their logs are complete only then.
  await Promise.all(balancers.map((balancer) => balancer.process.stop()));
  return report(rounds, redis.kind, done, load, logged);
}

/** Kills or freezes a host for this time; returns the one that runs afterwards. */
async function endFor(ms: number, host: LabHost, ending: Ending, options: StartOptions): Promise<LabHost> {
  const { process } = host;
  // A frozen process can't stop gracefully.
  if (ending === 'SIGSTOP') options.shutdown.add(() => process.kill('SIGCONT'));
  process.kill(ending);
  await pause(ms);
  if (ending === 'SIGKILL') return startLabHost(host.name, options, host.port);
  process.kill('SIGCONT');
  return host;
}

/** Waits until a balancer sends requests to this host again. */
async function untilSentTo({ name, port }: LabBalancer, host: LabHost): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  await until(
    `${name} sends requests to ${host.name}`,
    RETURN_TIMEOUT_MS,
    20,
    async () => (await get(port, '/', agent)).body === host.body,
  );
  agent.destroy();
}

/** The evaluated fields of an access log line. */
interface Line {
  readonly time: string;
  /** The host of the last attempt. */
  readonly host: string;
  readonly attempts: number;
  readonly total_ms: number;
  readonly outcome: string;
}

/** The requests of one balancer in one round. */
interface Sent {
  /** Time from the signal to the last request to the host; 0 if there was none. */
  readonly lastMs: number;
  /** Requests in flight on the host at the signal, or sent to it afterwards. */
  readonly requests: number;
}

/** A balancer's requests to the dead host. All other hosts are healthy, so a retried request must have met it first. */
function sentTo({ host, atEpochMs }: Round, lines: readonly Line[]): Sent {
  const sent = lines
    .filter((line) => line.attempts > 1 || (line.host === host && line.outcome !== 'ok'))
    .map(({ time, total_ms: totalMs }) => ({ sentMs: Date.parse(time) - atEpochMs, totalMs }))
    .filter(({ sentMs, totalMs }) => sentMs + totalMs >= 0 && sentMs < WATCH_MS);
  return { lastMs: Math.max(0, ...sent.map(({ sentMs }) => sentMs)), requests: sent.length };
}

interface EndingFigures {
  /** Time until the last request of any balancer to the host, over the rounds. */
  readonly ms: Distribution;
  readonly eachMs: readonly number[];
  /** Most requests of one balancer to the host in one round. */
  readonly mostSent: number;
  /** Most failed client requests of one balancer in one round. */
  readonly mostFailed: number;
  /** Failed requests in all rounds. */
  readonly failed: number;
}

function figuresOf(rounds: readonly Round[], { failures }: OpenLoad, lines: ReadonlyMap<number, readonly Line[]>): EndingFigures {
  const sent = rounds.map((round) => [...lines.values()].map((each) => sentTo(round, each)));
  // Includes requests sent just before the end of the round.
  const failed = rounds.map(({ atMs }) =>
    [...lines.keys()].map(
      (port) => failures.filter((failure) => failure.port === port && failure.endMs >= atMs && failure.atMs < atMs + WATCH_MS).length,
    ),
  );
  const eachMs = sent.map((balancers) => Math.max(...balancers.map(({ lastMs }) => lastMs)));
  return {
    ms: distributionOf(eachMs),
    eachMs,
    mostSent: Math.max(...sent.flat().map(({ requests }) => requests)),
    mostFailed: Math.max(...failed.flat()),
    failed: failed.flat().reduce((sum, count) => sum + count, 0),
  };
}

function report(
  rounds: number,
  redisKind: string,
  done: ReadonlyMap<Ending, readonly Round[]>,
  load: OpenLoad,
  logged: readonly Logged[],
): BenchReport {
  const lines = new Map(
    logged.map(({ balancer, file }) => [
      balancer.port,
      readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Line),
    ]),
  );
  const killed = figuresOf(done.get('SIGKILL') ?? [], load, lines);
  const frozen = figuresOf(done.get('SIGSTOP') ?? [], load, lines);
  const latencyMs = distributionOf(load.answered.map(({ atMs, endMs }) => rounded(endMs - atMs, 2)));
  const wrongBodies = load.failures.filter(({ what }) => what === 'wrong body').length;
  const row = (name: string, { ms, mostSent, mostFailed, failed }: EndingFigures): (string | number)[] => [
    name,
    ms.count,
    ms.min,
    ms.p50,
    ms.max,
    mostSent,
    mostFailed,
    failed,
  ];
  return {
    notes: [
      `${BALANCERS} balancers (${FLAGS.join(' ')}), ${HOSTS} hosts, ${redisKind};`,
      `${REQUESTS_PER_SECOND} GET/s to all balancers together on keep-alive connections, whether or not earlier ones were answered;`,
      'ms from the signal until the last balancer has sent its last request to the host, by the access logs;',
      'sent, failed: requests of one balancer in one round, the most of all, on the host from the signal on, and lost to clients',
    ],
    tables: [
      [
        ['host ended by', 'rounds', 'min ms', 'p50 ms', 'worst ms', 'sent', 'failed', 'failed in all'],
        row('kill -9', killed),
        row('kill -STOP', frozen),
      ],
      [
        ['requests', 'answered', 'failed', 'p50 ms', 'p99 ms', 'slowest ms'],
        ['whole run', load.answered.length, load.failures.length, latencyMs.p50, latencyMs.p99, latencyMs.max],
      ],
    ],
    goals: [
      goalBelow('kill -9, worst', killed.ms.max, KILLED_GOAL_MS, 'ms'),
      goalBelow('kill -9, requests failed for one balancer', killed.mostFailed, KILLED_GOAL_FAILED, '', true),
    ],
    wrong: wrongBodies === 0 ? [] : [`${wrongBodies} answers were not a host's`],
    figures: {
      rounds,
      requestsPerSecond: REQUESTS_PER_SECOND,
      killed,
      frozen,
      answered: load.answered.length,
      failed: load.failures.length,
      failures: load.failures.slice(0, 50),
      latencyMs,
    },
  };
}
