// Memory of an idle client connection: opens thousands, each with one answered request, and reads the memory of the
// proxy. One proxy after another, each in a process of its own that is started for this measurement.

import { MeercatError } from '../errors.js';
import type { BenchContext } from './context.js';
import { descriptorLimit, residentBytesOf } from './footprint.js';
import { untilAnswering } from './forward.js';
import { pause } from './health.js';
import type { IdleOrder, IdleState } from './idle-load.js';
import { type LabHost, startLabHost, startLabRedis } from './lab-fleet.js';
import { PEER, type Peer, startPeers } from './peers.js';
import { cpuTimesByProcess } from './process-cpu.js';
import { type LabChild, startRole } from './processes.js';
import { type BenchReport, goalBelow } from './report.js';
import { rounded } from './statistics.js';
import { WORKLOAD_OF } from './workloads.js';

const DEFAULT_CONNECTIONS = 10_000;
const GOAL_BYTES = 8 * 1024;

/** Open files of a proxy or the load besides the connections. */
const OTHER_DESCRIPTORS = 500;

/** Memory is steady when it has changed by no more than this share for some seconds, in which garbage is collected. */
const STEADY_SHARE = 0.005;
const DEFAULT_STEADY_SECONDS = 4;
/** After this many times as long, memory is read even if it is not steady. */
const STEADY_TIMES = 4;
/** Readings in that time. */
const STEADY_LOOKS = 8;

const ORDER_TIMEOUT_MS = 60_000;

interface Setup {
  readonly connections: number;
  /** How long memory must be steady before it is read. */
  readonly seconds: number;
}

interface Figures {
  readonly name: string;
  readonly startBytes: number;
  readonly halfBytes: number;
  readonly endBytes: number;
  /** Growth since the start, per connection. */
  readonly bytesPerConnection: number;
  /** Growth of the second half alone, per connection: excludes what grows only once. */
  readonly bytesPerFurtherConnection: number;
}

/** Runs the benchmark. */
export async function runIdle(context: BenchContext): Promise<BenchReport> {
  const { entry, flags, say, shutdown } = context;
  const { connections = DEFAULT_CONNECTIONS, seconds = DEFAULT_STEADY_SECONDS } = flags;
  if (Number.isNaN(residentBytesOf(process.pid)))
    throw new MeercatError('MEERCAT_START_FAILED', 'bench idle reads memory from /proc, which this system has not');
  const needed = connections + OTHER_DESCRIPTORS;
  if (descriptorLimit() < needed) {
    throw new MeercatError(
      'MEERCAT_START_FAILED',
      `${connections} connections need ${needed} open files, and the limit is ${descriptorLimit()}: raise it (ulimit -n ${needed}), or take fewer with --connections`,
    );
  }
  const options = { core: null, shutdown };
  const host = await startLabHost('h1', options);
  const redis = await startLabRedis(entry, shutdown);
  const { child: load } = await startRole('idle-load', [host.body], options);
  const all: Figures[] = [];
  const wrong: string[] = [];
  for (const name of [PEER.ours, PEER.nginx, PEER.haproxy]) {
    const [peer] = await startPeers(context, host, {
      redisUrl: redis.url,
      core: null,
      names: [name],
      maxConnections: connections + OTHER_DESCRIPTORS,
    });
    if (peer === undefined) continue;
    const figures = await measure(peer, host, load, { connections, seconds }, wrong);
    all.push(figures);
    say(
      `${name}: ${figures.bytesPerConnection} bytes per connection with ${connections} of them, ${figures.bytesPerFurtherConnection} in the second half`,
    );
    await peer.stop();
  }
  return report({ connections, seconds }, all, wrong);
}

async function measure(peer: Peer, host: LabHost, load: LabChild, { connections, seconds }: Setup, wrong: string[]): Promise<Figures> {
  await untilAnswering(peer, host);
  await WORKLOAD_OF.small.check(peer, host);
  const half = Math.ceil(connections / 2);
  const startBytes = await settledBytesOf(peer.pid, seconds);
  const fill = async (count: number): Promise<number> => {
    const { open, wrong: failed } = await tell(load, { type: 'open', port: peer.port, connections: count });
    if (failed > 0 || open < count) wrong.push(`${peer.name}: ${open} of ${count} connections are open, ${failed} had no right answer`);
    return settledBytesOf(peer.pid, seconds);
  };
  const halfBytes = await fill(half);
  const endBytes = await fill(connections);
  const { open, wrong: failed } = await tell(load, { type: 'ask' });
  if (failed > 0 || open < connections)
    wrong.push(`${peer.name}: ${open} of ${connections} connections were still open in the end, ${failed} had no second right answer`);
  await tell(load, { type: 'close' });
  return {
    name: peer.name,
    startBytes,
    halfBytes,
    endBytes,
    bytesPerConnection: Math.round((endBytes - startBytes) / connections),
    bytesPerFurtherConnection: Math.round((endBytes - halfBytes) / Math.max(1, connections - half)),
  };
}

async function tell(load: LabChild, order: IdleOrder): Promise<IdleState> {
  const done = load.next('done', ORDER_TIMEOUT_MS);
  load.send(order);
  return (await done) as unknown as IdleState;
}

/** Resident memory of a process and its descendants once it is steady, or when the wait is over. */
async function settledBytesOf(pid: number, seconds: number): Promise<number> {
  const read = (): number => [...cpuTimesByProcess(pid).keys()].reduce((sum, each) => sum + residentBytesOf(each), 0);
  const steadyMs = seconds * 1000;
  const deadlineMs = performance.now() + STEADY_TIMES * steadyMs;
  let [bytes, sinceMs] = [read(), performance.now()];
  while (performance.now() < deadlineMs && performance.now() - sinceMs < steadyMs) {
    await pause(steadyMs / STEADY_LOOKS);
    const now = read();
    if (Math.abs(now - bytes) <= bytes * STEADY_SHARE) continue;
    [bytes, sinceMs] = [now, performance.now()];
  }
  return read();
}

function report({ connections, seconds }: Setup, all: readonly Figures[], wrong: readonly string[]): BenchReport {
  const ours = all.find(({ name }) => name === PEER.ours);
  const mb = (bytes: number): number => rounded(bytes / 1e6, 1);
  return {
    notes: [
      `${connections} connections in two halves, each with one answered GET of 100 bytes; RSS of all processes of the proxy,`,
      `read once it has changed by no more than ${STEADY_SHARE * 100} % in ${seconds} s, without socket buffers of the kernel and without what a proxy allocates at its start;`,
      'in the end, each connection has answered a second request',
    ],
    tables: [
      [
        ['idle connections', 'start MB', 'half MB', 'all MB', 'bytes/connection', 'of the second half'],
        ...all.map((each) => [
          each.name,
          mb(each.startBytes),
          mb(each.halfBytes),
          mb(each.endBytes),
          each.bytesPerConnection,
          each.bytesPerFurtherConnection,
        ]),
      ],
    ],
    goals: [
      goalBelow(
        'growth of the RSS of meercat per idle connection',
        Math.max(0, ours?.bytesPerConnection ?? Number.NaN),
        GOAL_BYTES,
        'bytes',
        true,
      ),
    ],
    wrong,
    figures: { connections, seconds, proxies: all },
  };
}
