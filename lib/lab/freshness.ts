// How old a host's figures are when policies use them: the time from an agent's PUBLISH until the figure is in the table
// of each of four balancers, each in its own process.

import { Agent } from 'node:http';
import { parseRedisAddress } from '../redis/address.js';
import { openCommands } from '../redis/connect.js';
import type { BenchContext } from './context.js';
import { pause, readHealth, until } from './health.js';
import { startLabRedis } from './lab-fleet.js';
import { cpuSecondsOf } from './process-cpu.js';
import { type LabChild, startRole } from './processes.js';
import { type BenchReport, goalBelow } from './report.js';
import { distributionOf, rounded } from './statistics.js';
import { startAgents } from './simulated-agents.js';

const BALANCERS = 4;
const DEFAULT_HOSTS = [10, 1000];
const DEFAULT_SECONDS = 15;
const GOAL_MS = 25;

/** Extra slots to watch, since hosts can be assigned new slots. */
const SPARE_SLOTS = 16;

/** Time before measuring: code gets compiled, and the first full tables arrive. */
const WARM_UP_MS = 3000;

/** A published figure not seen within this time counts as missed. */
const LAST_WAIT_MS = 500;

const START_TIMEOUT_MS = 20_000;

interface Watched {
  readonly name: string;
  readonly child: LabChild;
  readonly consolePort: number;
}

/** Figures for one number of hosts. */
interface Figures {
  readonly hosts: number;
  readonly reports: number;
  /** Number of (report, balancer) pairs seen. */
  readonly seen: number;
  readonly missed: number;
  /** Figures in a table that were in no report. */
  readonly neverSent: number;
  readonly ms: ReturnType<typeof distributionOf>;
  /** Percent of one core, for each balancer. */
  readonly cpu: readonly { readonly name: string; readonly role: string; readonly percent: number }[];
}

/** Runs the benchmark. */
export async function runFreshness(context: BenchContext): Promise<BenchReport> {
  const { entry, flags, shutdown } = context;
  const seconds = flags.seconds ?? DEFAULT_SECONDS;
  const redis = await startLabRedis(entry, shutdown);
  const all: Figures[] = [];
  for (const hosts of flags.hosts ?? DEFAULT_HOSTS) all.push(await measure(context, redis.url, hosts, seconds));
  const worst = Math.max(...all.map(({ ms }) => ms.p99));
  return {
    notes: [
      `${BALANCERS} balancers, ${redis.kind}; a report a second for each host, for ${seconds} s, without requests;`,
      'ms from PUBLISH to the figure in the shared table of each balancer, which a thread reads every 0.5 ms (the upper bound of the error);',
      'cpu: percent of one core for each balancer process, all threads, without that thread',
    ],
    tables: [
      [
        ['hosts', 'reports', 'seen', 'missed', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'cpu % master', 'cpu % slaves (mean)'],
        ...all.map(({ hosts, reports, seen, missed, ms, cpu }) => [
          hosts,
          reports,
          seen,
          missed,
          ms.p50,
          ms.p90,
          ms.p99,
          ms.max,
          meanOf(cpu, 'master'),
          meanOf(cpu, 'slave'),
        ]),
      ],
    ],
    goals: [goalBelow('p99', worst, GOAL_MS, 'ms')],
    wrong: all.flatMap(({ hosts, seen, neverSent }) => [
      ...(neverSent > 0 ? [`${neverSent} figures in the tables of ${hosts} hosts were in no report`] : []),
      ...(seen === 0 ? [`no report of ${hosts} hosts was seen`] : []),
    ]),
    figures: { seconds, balancers: BALANCERS, redis: redis.kind, byHosts: all },
  };
}

async function measure({ say, shutdown }: BenchContext, redisUrl: string, hosts: number, seconds: number): Promise<Figures> {
  const namespace = `bench-${hosts}`;
  const balancers = await Promise.all(
    Array.from({ length: BALANCERS }, async (_, index): Promise<Watched> => {
      const name = `b${index + 1}`;
      const { child, ready } = await startRole('watched-balancer', [name, redisUrl, namespace], { core: null, shutdown });
      return { name, child, consolePort: Number(ready.consolePort) };
    }),
  );
  const client = openCommands(parseRedisAddress(redisUrl));
  shutdown.add(() => client.disconnect());
  await until('redis is reachable', START_TIMEOUT_MS, 10, () => client.status === 'ready');
  const agents = startAgents(client, namespace, hosts);
  shutdown.add(() => agents.stop());
  await untilAllKnow(balancers, hosts);
  say(`${hosts} hosts: every balancer knows all of them; measuring for ${seconds} s`);
  await pause(Math.min(WARM_UP_MS, seconds * 1000));

  await Promise.all(balancers.map(({ child }) => ask(child, { type: 'watch', slots: hosts + SPARE_SLOTS }, 'watching')));
  const before = new Set(agents.sent.keys());
  agents.forget();
  const cpuBefore = balancers.map(({ child }) => cpuSecondsOf(child.pid));
  const startMs = performance.now();
  await pause(seconds * 1000);
  agents.stop();
  await pause(LAST_WAIT_MS);
  const elapsed = (performance.now() - startMs) / 1000;
  const cpuAfter = balancers.map(({ child }) => cpuSecondsOf(child.pid));

  const ages: number[] = [];
  const cpu: Figures['cpu'][number][] = [];
  let neverSent = 0;
  for (const [index, { name, child }] of balancers.entries()) {
    const sightings = await ask(child, { type: 'report' }, 'sightings');
    const figures = sightings.figures as Float64Array;
    const atMs = sightings.atMs as Float64Array;
    figures.forEach((figure, at) => {
      const sentAtMs = agents.sent.get(figure);
      if (sentAtMs !== undefined) ages.push((atMs[at] as number) - sentAtMs);
      else if (!before.has(figure)) neverSent++;
    });
    const used = (cpuAfter[index] as number) - (cpuBefore[index] as number) - (sightings.cpuSeconds as number);
    cpu.push({ name, role: String(sightings.role), percent: rounded(Math.max(0, (used / elapsed) * 100), 1) });
  }
  await Promise.all(balancers.map(({ child }) => child.stop()));
  client.disconnect();
  const reports = agents.sent.size;
  return {
    hosts,
    reports,
    seen: ages.length,
    missed: reports * BALANCERS - ages.length,
    neverSent,
    ms: distributionOf(ages.map((ms) => rounded(ms, 3))),
    cpu,
  };
}

async function untilAllKnow(balancers: readonly Watched[], hosts: number): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  await until(`every balancer knows all ${hosts} hosts`, START_TIMEOUT_MS, 50, async () => {
    const pages = await Promise.all(balancers.map(({ consolePort }) => readHealth(consolePort, agent)));
    return pages.every((health) => health !== null && health.hosts >= hosts) && pages.some((health) => health?.role === 'master');
  });
  agent.destroy();
}

function ask(child: LabChild, message: object, answer: string): ReturnType<LabChild['next']> {
  const answered = child.next(answer, START_TIMEOUT_MS);
  child.send(message);
  return answered;
}

function meanOf(cpu: Figures['cpu'], role: string): number {
  const percents = cpu.filter((each) => each.role === role).map(({ percent }) => percent);
  return percents.reduce((sum, percent) => sum + percent, 0) / percents.length;
}
