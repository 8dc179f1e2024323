// What it costs to forward a small request: CPU time of the proxy and requests a second, of ours beside a
// bare http-proxy, nginx and HAProxy. All in one run, in turns: only the ratios mean something elsewhere.

import { spawn } from 'node:child_process';
import { MeercatError } from '../errors.js';
import type { BenchContext } from './context.js';
import { until } from './health.js';
import { checkAnswers, type LabHost, startLabHost } from './lab-fleet.js';
import { BARE, OURS, type Peer, startPeers } from './peers.js';
import { cpuSecondsOf, findProgram, startRole, usableCores } from './processes.js';
import { type BenchReport, goalBelow } from './report.js';
import { median, rounded } from './statistics.js';

const DEFAULT_ROUNDS = 5;
const DEFAULT_SECONDS = 3;
const DEFAULT_CONNECTIONS = 32;
const WARM_UP_SECONDS = 2;
const START_TIMEOUT_MS = 10_000;

/** What one load on one proxy gave. */
interface Run {
  readonly requests: number;
  readonly wrong: number;
  readonly seconds: number;
}

interface Sample {
  readonly cpuMicros: number;
  readonly perSecond: number;
  /** The share of one core that the proxy used: well below 1, it was not the proxy that was measured for speed. */
  readonly busy: number;
}

type Load = (port: number, seconds: number) => Promise<Run>;

/** Runs the benchmark. */
export async function runForward(context: BenchContext): Promise<BenchReport> {
  const { flags, say, shutdown } = context;
  const rounds = flags.rounds ?? DEFAULT_ROUNDS;
  const seconds = flags.seconds ?? DEFAULT_SECONDS;
  const connections = flags.connections ?? DEFAULT_CONNECTIONS;
  if (Number.isNaN(cpuSecondsOf(process.pid))) throw new MeercatError('MEERCAT_START_FAILED', 'bench forward reads CPU times from /proc, which this system has not');
  const [proxyCore, loadCore] = chooseCores(say);
  const host = await startLabHost('h1', { core: loadCore, shutdown });
  const peers = await startPeers(context, host, proxyCore);
  for (const peer of peers) await check(peer, host);
  say(`${peers.map(({ name }) => name).join(', ')}: every one answers rightly`);

  const wrk = flags.load === 'own' ? undefined : findProgram('wrk');
  if (wrk === undefined && flags.load === 'wrk') throw new MeercatError('MEERCAT_START_FAILED', 'wrk is not installed (Debian: apt-get install wrk), or use --load own');
  const load = wrk === undefined ? ownLoad(context, host, connections, loadCore) : wrkLoad(context, wrk, connections, loadCore);
  for (const { port } of peers) await load(port, Math.min(seconds, WARM_UP_SECONDS));

  const samples = new Map<string, Sample[]>(peers.map(({ name }) => [name, []]));
  const wrong: string[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const { name, port, pid } of peers) {
      const before = cpuSecondsOf(pid);
      const run = await load(port, seconds);
      const used = cpuSecondsOf(pid) - before;
      if (run.wrong > 0 || run.requests === 0) wrong.push(`${name}: ${run.wrong} of ${run.requests} answers in round ${round}`);
      samples.get(name)?.push({ cpuMicros: (used * 1e6) / run.requests, perSecond: run.requests / run.seconds, busy: used / run.seconds });
    }
    say(`round ${round}/${rounds}: ${[...samples].map(([name, list]) => `${name} ${list.at(-1)?.cpuMicros.toFixed(0)} µs`).join(', ')}`);
  }
  return report({ rounds, seconds, connections, generator: wrk === undefined ? 'own' : 'wrk', isPinned: proxyCore !== null }, samples, wrong);
}

/** The core of the proxies, and the one of load and host; null where they can't be had. */
function chooseCores(say: (line: string) => void): readonly [number | null, number | null] {
  const cores = usableCores();
  const lack = findProgram('taskset') === undefined ? 'taskset is not installed' : cores.length < 2 ? 'there is only one core' : '';
  if (lack === '') return [cores[0] ?? null, cores[1] ?? null];
  say(`${lack}: nothing is bound to a core, and the figures spread more`);
  return [null, null];
}

async function check({ name, port }: Peer, host: LabHost): Promise<void> {
  const bodies = new Set([host.body]);
  // Those that are not ours do not say when they listen.
  await until(`${name} answers`, START_TIMEOUT_MS, 50, () => checkAnswers(name, port, bodies, 1).then(() => true, () => false));
  await checkAnswers(name, port, bodies, 50);
}

function ownLoad({ shutdown }: BenchContext, host: LabHost, connections: number, core: number | null): Load {
  return async (port, seconds) => {
    const { child } = await startRole('load', [String(port), String(connections), String(seconds), host.body], { core, shutdown });
    const { requests, wrong, seconds: took } = await child.next('done', seconds * 1000 + START_TIMEOUT_MS);
    return { requests: Number(requests), wrong: Number(wrong), seconds: Number(took) };
  };
}

/** wrk looks at statuses, not at bodies: those were checked before. */
function wrkLoad({ shutdown }: BenchContext, wrk: string, connections: number, core: number | null): Load {
  return (port, seconds) =>
    new Promise((resolve, reject) => {
      const pinned = core === null ? [] : ['taskset', '-c', String(core)];
      const [command = wrk, ...args] = [...pinned, wrk, '-t1', `-c${connections}`, `-d${Math.max(1, Math.round(seconds))}s`, '--timeout', '5s', `http://127.0.0.1:${port}/`];
      // It ends by itself within seconds; should this process end first, so be it.
      const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
      shutdown.add(() => void child.kill());
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      child.once('error', reject);
      child.once('close', () => {
        const run = parseWrk(text);
        if (run === null) reject(new MeercatError('MEERCAT_START_FAILED', `wrk said nothing that is understood: ${text.slice(0, 200)}`));
        else resolve(run);
      });
    });
}

/** Reads what wrk prints; null when it is not understood. */
export function parseWrk(text: string): Run | null {
  const [, requests, took, unit = ''] = /(\d+) requests in ([\d.]+)(ms|s|m)/.exec(text) ?? [];
  if (requests === undefined) return null;
  const seconds = Number(took) * ({ ms: 0.001, s: 1, m: 60 }[unit] ?? Number.NaN);
  const [, ...errors] = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text) ?? [];
  const [, refused = '0'] = /Non-2xx or 3xx responses: (\d+)/.exec(text) ?? [];
  return { requests: Number(requests), wrong: errors.reduce((sum, count) => sum + Number(count), Number(refused)), seconds };
}

interface Setup {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly generator: string;
  readonly isPinned: boolean;
}

function report(setup: Setup, samples: ReadonlyMap<string, readonly Sample[]>, wrong: readonly string[]): BenchReport {
  const bareMicros = median((samples.get(BARE) ?? []).map(({ cpuMicros }) => cpuMicros));
  const proxies = [...samples].map(([name, list]) => {
    const micros = list.map(({ cpuMicros }) => cpuMicros);
    const rates = list.map(({ perSecond }) => perSecond);
    return {
      name,
      cpuMicros: rounded(median(micros), 1),
      cpuMicrosMin: rounded(Math.min(...micros), 1),
      cpuMicrosMax: rounded(Math.max(...micros), 1),
      ofBare: rounded(median(micros) / bareMicros, 2),
      perSecond: Math.round(median(rates)),
      perSecondMin: Math.round(Math.min(...rates)),
      perSecondMax: Math.round(Math.max(...rates)),
      busy: rounded(median(list.map(({ busy }) => busy)), 2),
    };
  });
  const { rounds, seconds, connections, generator, isPinned } = setup;
  return {
    notes: [
      `GET of 100 bytes, ${connections} keep-alive connections, ${generator === 'wrk' ? 'wrk' : "the lab's own generator"}; ${rounds} rounds of ${seconds} s in turns, medians;`,
      isPinned ? 'proxies bound to one core, load and host to another;' : 'nothing bound to a core;',
      'cpu: user and system time of the proxy with all threads; busy: its share of one core',
    ],
    tables: [
      [
        ['proxy', 'cpu µs/request', 'min', 'max', 'x bare', 'requests/s', 'min', 'max', 'busy'],
        ...proxies.map((proxy) => [
          proxy.name, proxy.cpuMicros, proxy.cpuMicrosMin, proxy.cpuMicrosMax, proxy.ofBare, proxy.perSecond, proxy.perSecondMin, proxy.perSecondMax, proxy.busy,
        ]),
      ],
    ],
    goals: [goalBelow("meercat's CPU for one request, as a multiple of bare http-proxy's", proxies.find(({ name }) => name === OURS)?.ofBare ?? Number.NaN, 1, '', true)],
    wrong,
    figures: { ...setup, proxies },
  };
}
