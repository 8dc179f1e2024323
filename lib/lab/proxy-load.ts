// The load of the benchmarks that compare proxies: wrk for small requests and h2load for HTTP/2 if they are installed,
// since they are faster; the lab's own generator otherwise, one process for all workloads and proxies.

import { MeercatError } from '../errors.js';
import type { LoadOrder } from './closed-load.js';
import type { BenchContext, WorkloadName } from './context.js';
import { runH2load } from './h2load.js';
import { http2RequestOf } from './http2-load.js';
import type { LabHost } from './lab-fleet.js';
import type { Peer } from './peers.js';
import { type Core, findProgram, startRole } from './processes.js';
import { type WrkRun, runWrk } from './wrk.js';

const ANSWER_TIMEOUT_MS = 10_000;

/** wrk repeats one GET. */
const WRK_WORKLOADS: ReadonlySet<WorkloadName> = new Set(['small', 'tls']);

function isHttp2(workload: WorkloadName): workload is 'h2' | 'grpc' {
  return workload === 'h2' || workload === 'grpc';
}

/** A load generator for proxies. */
export interface ProxyLoad {
  /** The generator of small requests over HTTP/1.1. */
  readonly generator: 'wrk' | 'own';
  /** The generator of requests over HTTP/2. */
  readonly http2Generator: 'h2load' | 'own';
  /** Loads a proxy on this number of connections. */
  readonly run: (workload: WorkloadName, peer: Pick<Peer, 'port' | 'ca'>, connections: number, seconds: number) => Promise<WrkRun>;
}

/** Starts the generator. Rejects with MEERCAT_START_FAILED if `--load wrk` is given and wrk is not installed. */
export async function startProxyLoad({ flags, say, shutdown }: BenchContext, host: LabHost, core: Core): Promise<ProxyLoad> {
  const options = { core, shutdown };
  const wrk = flags.load === 'own' ? undefined : findProgram('wrk');
  if (wrk === undefined && flags.load === 'wrk')
    throw new MeercatError('MEERCAT_START_FAILED', 'wrk is not installed (Debian: apt-get install wrk), or use --load own');
  const h2load = flags.load === 'own' ? undefined : findProgram('h2load');
  if (flags.load !== 'own' && h2load === undefined && flags.workloads?.some(isHttp2) !== false)
    say("h2load is not installed (Debian: apt-get install nghttp2-client): the lab's own generator loads over HTTP/2");
  const { child } = await startRole('load', [host.body], options);
  return {
    generator: wrk === undefined ? 'own' : 'wrk',
    http2Generator: h2load === undefined ? 'own' : 'h2load',
    async run(workload, { port, ca }, connections, seconds) {
      if (wrk !== undefined && WRK_WORKLOADS.has(workload))
        return runWrk(wrk, `${ca === undefined ? 'http' : 'https'}://127.0.0.1:${port}/`, connections, seconds, options);
      if (h2load !== undefined && isHttp2(workload))
        return runH2load(h2load, port, http2RequestOf(workload, Buffer.from(host.body)), connections, seconds, options);
      child.send({ type: 'run', workload, port, ca, connections, seconds } satisfies LoadOrder);
      const { requests, wrong, seconds: took } = await child.next('done', seconds * 1000 + ANSWER_TIMEOUT_MS);
      return { requests: Number(requests), wrong: Number(wrong), seconds: Number(took) };
    },
  };
}
