// The load of the benchmarks that compare proxies: wrk for small requests if it is installed, since it is faster; the
// lab's own generator otherwise, one process for all workloads and proxies.

import { MeercatError } from '../errors.js';
import type { LoadOrder } from './closed-load.js';
import type { BenchContext, WorkloadName } from './context.js';
import type { LabHost } from './lab-fleet.js';
import type { Peer } from './peers.js';
import { type Core, findProgram, startRole } from './processes.js';
import { type WrkRun, runWrk } from './wrk.js';

const ANSWER_TIMEOUT_MS = 10_000;

/** wrk repeats one GET. */
const WRK_WORKLOADS: ReadonlySet<WorkloadName> = new Set(['small', 'tls']);

/** A load generator for proxies. */
export interface ProxyLoad {
  /** The generator of small requests. */
  readonly generator: 'wrk' | 'own';
  /** Loads a proxy on this number of connections. */
  readonly run: (workload: WorkloadName, peer: Pick<Peer, 'port' | 'ca'>, connections: number, seconds: number) => Promise<WrkRun>;
}

/** Starts the generator. Rejects with MEERCAT_START_FAILED if `--load wrk` is given and wrk is not installed. */
export async function startProxyLoad({ flags, shutdown }: BenchContext, host: LabHost, core: Core): Promise<ProxyLoad> {
  const options = { core, shutdown };
  const wrk = flags.load === 'own' ? undefined : findProgram('wrk');
  if (wrk === undefined && flags.load === 'wrk')
    throw new MeercatError('MEERCAT_START_FAILED', 'wrk is not installed (Debian: apt-get install wrk), or use --load own');
  const { child } = await startRole('load', [host.body], options);
  return {
    generator: wrk === undefined ? 'own' : 'wrk',
    async run(workload, { port, ca }, connections, seconds) {
      if (wrk !== undefined && WRK_WORKLOADS.has(workload))
        return runWrk(wrk, `${ca === undefined ? 'http' : 'https'}://127.0.0.1:${port}/`, connections, seconds, options);
      child.send({ type: 'run', workload, port, ca, connections, seconds } satisfies LoadOrder);
      const { requests, wrong, seconds: took } = await child.next('done', seconds * 1000 + ANSWER_TIMEOUT_MS);
      return { requests: Number(requests), wrong: Number(wrong), seconds: Number(took) };
    },
  };
}
