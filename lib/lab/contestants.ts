// The contestants of `bench policies`: fleets of four load balancers in front of the same hosts. Meercat is one fleet whose
// algorithm is switched through Redis, as an operator would; each algorithm of another program has its own fleet.
// Programs that are not installed are skipped with a message.

import { ALGORITHMS, type Algorithm } from '../model.js';
import type { Commands } from '../redis/connect.js';
import { buildKeys } from '../redis/keys.js';
import type { BenchContext } from './context.js';
import { until } from './health.js';
import { LAB_NAMESPACE, LabBalancer } from './lab-fleet.js';
import { PEER_PROGRAMS, startPeerProgram } from './peer-programs.js';
import { findProgram, type LabProcess } from './processes.js';

/** Balancers per fleet. */
export const FLEET_SIZE = 4;

/** Algorithms of other programs, by their own keywords. */
const PEERS = [
  { program: 'haproxy', label: 'haproxy leastconn', balance: 'leastconn' },
  { program: 'haproxy', label: 'haproxy random(2)', balance: 'random(2)' },
  { program: 'nginx', label: 'nginx least_conn', balance: 'least_conn' },
  { program: 'nginx', label: 'nginx random two', balance: 'random two least_conn' },
] as const;

/** Longest switch: a setting reaches every balancer at its next heartbeat. */
const SWITCH_TIMEOUT_MS = 10_000;

/** The hosts shared by all contestants. */
export interface PolicyHosts {
  readonly ports: readonly number[];
  /** Port of the omniscient balancer. */
  readonly allPort: number;
}

/** A contestant. */
export interface Contestant {
  readonly name: string;
  /** `floor` sees the exact state of all hosts; the others are measured against it. */
  readonly kind: 'floor' | 'meercat' | 'peer';
  readonly ports: readonly number[];
  /** Pids of its fleet. */
  readonly pids: readonly number[];
  /** Switches its fleet to this algorithm. */
  readonly prepare: () => Promise<void>;
  /** Stops its fleet, which Meercat's policies share. */
  readonly stop: () => Promise<void>;
}

/** Starts all available contestants, in the order of the report. */
export async function startContestants(
  { entry, say, shutdown }: BenchContext,
  redisUrl: string,
  client: Commands,
  hosts: PolicyHosts,
): Promise<Contestant[]> {
  const nothing = async (): Promise<void> => undefined;
  const floor: Contestant = {
    name: 'omniscient, no proxy',
    kind: 'floor',
    ports: Array.from({ length: FLEET_SIZE }, () => hosts.allPort),
    pids: [],
    prepare: nothing,
    stop: nothing,
  };
  const options = { core: null, shutdown };
  const peers: Contestant[] = [];
  for (const { program, label, balance } of PEERS) {
    const [path, builder] = [findProgram(program), PEER_PROGRAMS.find(({ name }) => name === program)];
    if (path === undefined || builder === undefined) {
      say(`${program} is not installed: ${label} is left out`);
      continue;
    }
    const fleet = await Promise.all(
      Array.from({ length: FLEET_SIZE }, () => startPeerProgram(builder, path, hosts.ports, options, { balance })),
    );
    peers.push({
      name: label,
      kind: 'peer',
      ports: fleet.map(({ port }) => port),
      pids: fleet.map(({ pid }) => pid),
      prepare: nothing,
      stop: () => stopAll(fleet),
    });
  }
  return [floor, ...(await startMeercat({ entry, shutdown }, redisUrl, client, hosts)), ...peers];
}

async function startMeercat(
  { entry, shutdown }: Pick<BenchContext, 'entry' | 'shutdown'>,
  redisUrl: string,
  client: Commands,
  hosts: PolicyHosts,
): Promise<Contestant[]> {
  /** The log of each balancer. */
  const said = new Map<string, string>();
  const algorithmOf = (name: string): string | undefined => [...(said.get(name) ?? '').matchAll(/"algorithm":"([a-z-]+)"/g)].at(-1)?.[1];
  const balancers = await Promise.all(
    Array.from({ length: FLEET_SIZE }, (_, index) => {
      const name = `b${index + 1}`;
      const onStderr = (text: string): void => void said.set(name, (said.get(name) ?? '') + text);
      return LabBalancer.start(entry, name, redisUrl, [], { core: null, shutdown, onStderr }, ['--log-level', 'info']);
    }),
  );
  await Promise.all(balancers.map((balancer) => balancer.untilServing(hosts.ports.length)));
  const { settings } = buildKeys(LAB_NAMESPACE);
  const choose = async (algorithm: Algorithm): Promise<void> => {
    await client.hset(settings, 'algorithm', algorithm);
    await until(`every balancer picks by ${algorithm}`, SWITCH_TIMEOUT_MS, 20, () =>
      balancers.every(({ name }) => algorithmOf(name) === algorithm),
    );
  };
  return ALGORITHMS.map((algorithm) => ({
    name: `meercat ${algorithm}`,
    kind: 'meercat',
    ports: balancers.map(({ port }) => port),
    pids: balancers.map(({ process: { pid } }) => pid),
    prepare: () => choose(algorithm),
    stop: () => stopAll(balancers.map(({ process }) => process)),
  }));
}

async function stopAll(fleet: readonly Pick<LabProcess, 'stop'>[]): Promise<void> {
  await Promise.all(fleet.map((each) => each.stop()));
}
