// What the smaller commands do once their flags are read: benchmarks, and the processes that `meercat up` starts; and what
// commands that run on have in common. Each part of lib is loaded by the command that needs it.

import { fileURLToPath } from 'node:url';
import { parsePort } from '../lib/config/config.js';
import type { BenchFlags } from '../lib/lab/context.js';
import type { Log } from '../lib/log.js';
import { createShutdown, stopOnSignals } from '../lib/shutdown.js';
import type { UnknownVariable } from './flag.js';

/** The command line itself, which child processes run. */
export const ENTRY = fileURLToPath(new URL('./meercat.js', import.meta.url));

/** Warns of variables that are set and mean nothing: a setting with a typo is not in force. */
export function warnOf(unknown: readonly UnknownVariable[], log: Log): void {
  for (const { variable, nearest } of unknown)
    log('warn', 'a variable is not known and is ignored', { variable, ...(nearest !== undefined && { nearest }) });
}

interface BenchmarkFlags extends BenchFlags {
  readonly json?: true | string;
}

/** `meercat bench`. */
export async function runBenchmark(name: string, { json, ...flags }: BenchmarkFlags): Promise<void> {
  const { runBench } = await import('../lib/lab/bench.js');
  process.exitCode = await runBench({ name, flags, json: json ?? false, entry: ENTRY });
}

/** A demo host of `meercat up`; it tells its port to its parent. */
export async function runDemoHost(flags: { readonly name: string; readonly port: string; readonly showRequest?: true }): Promise<void> {
  const { startDemoHost } = await import('../lib/up/demo-host.js');
  const shutdown = createShutdown(() => undefined);
  const host = await startDemoHost({ name: flags.name, port: parsePort('--port', flags.port), isShowing: flags.showRequest ?? false });
  shutdown.add(() => host.close());
  stopOnSignals(shutdown, () => undefined);
  process.send?.({ port: host.port });
}

/** The Redis in JavaScript of `meercat up`. */
export async function runEmbedded(flags: { readonly port: string }): Promise<void> {
  const { runEmbeddedRedis } = await import('../lib/up/local-server.js');
  const shutdown = createShutdown(() => undefined);
  stopOnSignals(shutdown, () => undefined);
  await runEmbeddedRedis(parsePort('--port', flags.port));
}
