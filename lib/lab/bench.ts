// `npm run bench -- NAME`: runs the named benchmark and prints its figures to stdout. The only place that prints. Each
// benchmark first checks that responses are right, then measures; everything runs on loopback.

import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';
import { createShutdown, type Shutdown } from '../shutdown.js';
import { readVersion } from '../version.js';
import { runAblation } from './ablation.js';
import { runChaos } from './chaos/chaos.js';
import { runChurn } from './churn.js';
import type { BenchContext, BenchFlags } from './context.js';
import { runEjection } from './ejection.js';
import { runFailover } from './failover.js';
import { runForward } from './forward.js';
import { runFreshness } from './freshness.js';
import { runIdle } from './idle.js';
import { runLatency } from './latency.js';
import { runPick } from './pick.js';
import { runPolicies } from './policies.js';
import { runProfile } from './profile.js';
import { watchOthers } from './machine-cpu.js';
import { runProof } from './proof/proof.js';
import { type BenchReport, checkWritable, formatReport } from './report.js';
import { runRecord } from './record.js';
import { runRoute } from './route.js';
import { runScaling } from './scaling.js';
import { runSites } from './site.js';

interface Bench {
  readonly flags: readonly (keyof BenchFlags)[];
  /** Upper limit of `--connections`; {@link MAX_CONNECTIONS} by default. */
  readonly maxConnections?: number;
  /** True if it measures in virtual time, which a busy machine does not change. */
  readonly isVirtual?: boolean;
  readonly run: (context: BenchContext) => Promise<BenchReport>;
}

/** Client connections that every proxy of a benchmark is configured to hold. */
const MAX_CONNECTIONS = 4096;

/** Other processes disturb a measurement if they use more than this share of the machine. */
const BUSY_SHARE = 0.1;

const BENCHES: Readonly<Record<string, Bench>> = {
  failover: { flags: ['rounds'], run: runFailover },
  ejection: { flags: ['rounds'], run: runEjection },
  freshness: { flags: ['hosts', 'seconds'], run: runFreshness },
  pick: { flags: ['hosts', 'rounds', 'seconds'], run: runPick },
  route: { flags: ['routes', 'rounds', 'seconds'], run: runRoute },
  record: { flags: ['hosts', 'rounds', 'seconds'], run: runRecord },
  forward: { flags: ['workloads', 'rounds', 'seconds', 'connections', 'load'], run: runForward },
  profile: { flags: ['workloads', 'seconds', 'connections', 'load'], run: runProfile },
  latency: { flags: ['rounds', 'seconds', 'connections'], run: runLatency },
  idle: { flags: ['connections', 'seconds'], maxConnections: 25_000, run: runIdle },
  processes: { flags: ['rounds', 'seconds', 'connections', 'load'], run: runScaling },
  policies: { flags: ['percent', 'rounds', 'seconds', 'hosts', 'slow', 'only'], run: runPolicies },
  fleet: {
    flags: ['rounds', 'seconds', 'fleets', 'peerFleets', 'cpu', 'seed', 'only', 'html', 'docs', 'from'],
    run: runProof,
  },
  churn: { flags: ['requests', 'connections'], run: runChurn },
  site: { flags: ['rounds', 'connections'], run: runSites },
  chaos: { flags: ['seed', 'rounds', 'only'], run: runChaos },
  ablation: { flags: ['scenarios', 'seeds', 'seconds', 'balancers', 'percent', 'only'], isVirtual: true, run: runAblation },
};

/** Other names of benchmarks. */
const ALIASES: Readonly<Record<string, string>> = { proof: 'fleet' };

/** A benchmark run, as requested on the command line. */
export interface BenchRequest {
  readonly name: string;
  readonly flags: BenchFlags;
  /** False: table and JSON. True: JSON only. A path: the table on stdout, and the JSON in this file. */
  readonly json: boolean | string;
  readonly entry: string;
}

/** Runs a benchmark and prints its figures; returns the exit code: 0, or 1 if responses were wrong. Rejects with MEERCAT_BAD_CONFIG. */
export async function runBench({ name: wanted, flags, json, entry }: BenchRequest): Promise<number> {
  const name = Object.hasOwn(ALIASES, wanted) ? (ALIASES[wanted] as string) : wanted;
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (bench === undefined)
    throw new MeercatError('MEERCAT_BAD_CONFIG', `bench: one of ${Object.keys(BENCHES).join(', ')}, not ${JSON.stringify(name)}`);
  for (const flag of Object.keys(flags) as (keyof BenchFlags)[]) {
    if (flags[flag] !== undefined && !bench.flags.includes(flag)) {
      throw new MeercatError(
        'MEERCAT_BAD_CONFIG',
        `${flagOf(flag)}: bench ${name} does not take it; it takes ${bench.flags.map(flagOf).join(', ')}`,
      );
    }
  }
  const { maxConnections = MAX_CONNECTIONS, isVirtual = false } = bench;
  if (flags.connections !== undefined && flags.connections > maxConnections) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--connections: bench ${name} takes at most ${maxConnections}`);
  }
  if (typeof json === 'string') checkWritable('--json', json);
  const say = (line: string): void => void process.stderr.write(`bench ${name}: ${line}\n`);
  const closers = createShutdown((error) => say(`could not be stopped: ${String(error)}`));
  const stopSoon = onSignal(closers, say);
  const shutdown: Shutdown = {
    // Anything started during the shutdown is stopped at once.
    add: (closer) => (stopSoon.isStopping ? void closer() : closers.add(closer)),
    run: () => closers.run(),
  };
  const startedAt = new Date().toISOString();
  const startMs = performance.now();
  const othersCores = watchOthers();
  try {
    const measured = await bench.run({ entry, flags, say, shutdown });
    const others = othersCores();
    const isAlone = isVirtual || Number.isNaN(others) || measured.earlier !== undefined;
    const caution = others > BUSY_SHARE * cpus().length ? ': figures vary, and latencies mean little' : '';
    const note = `meanwhile, other processes used ${others} of the ${cpus().length} cores of this machine${caution}`;
    const report = isAlone ? measured : { ...measured, notes: [...measured.notes, note] };
    const about = measured.earlier ?? {
      version: readVersion(),
      startedAt,
      seconds: Math.round((performance.now() - startMs) / 1000),
      machine: {
        node: process.version,
        platform: `${process.platform} ${process.arch}`,
        cpu: cpus()[0]?.model ?? 'unknown',
        cores: cpus().length,
        othersCores: others,
      },
    };
    const { goals, wrong, figures } = report;
    const text = `${JSON.stringify({ bench: name, ...about, goals, wrong, figures })}\n`;
    if (json !== true) process.stdout.write(formatReport(name, report));
    if (typeof json === 'string') writeJson(json, text);
    else process.stdout.write(text);
    report.write?.(text);
    return report.wrong.length === 0 ? 0 : 1;
  } catch (error) {
    // Errors caused by the shutdown itself are not reported.
    if (stopSoon.isStopping) await new Promise(() => undefined);
    throw error;
  } finally {
    await shutdown.run();
    stopSoon.forget();
  }
}

/** A flag as it is typed: `--peer-fleets`. */
function flagOf(name: keyof BenchFlags): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Handles Ctrl-C: stops everything and exits with the code that a shell expects; a second one exits at once. */
function onSignal(shutdown: Shutdown, say: (line: string) => void): { readonly isStopping: boolean; forget(): void } {
  let isStopping = false;
  let firstAtMs = Number.NaN;
  const handlers = (['SIGINT', 'SIGTERM'] as const).map((signal) => {
    const code = signal === 'SIGINT' ? 130 : 143;
    const handler = (): void => {
      if (isStopping) {
        if (performance.now() - firstAtMs > 400) process.exit(code);
        return;
      }
      isStopping = true;
      firstAtMs = performance.now();
      say('stopping');
      // What a benchmark reports when it is stopped is printed first.
      void shutdown.run().then(() => setImmediate(() => process.exit(code)));
    };
    process.on(signal, handler);
    return { signal, handler };
  });
  return {
    get isStopping() {
      return isStopping;
    },
    forget() {
      for (const { signal, handler } of handlers) process.off(signal, handler);
    },
  };
}

function writeJson(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new Error(`--json ${file}: ${fileReason(error, 'written')}`, { cause: error });
  }
}
