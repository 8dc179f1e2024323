// Who picks hosts in `bench policies`: fleets of four that all stand before the same hosts. Meercat's is one
// fleet that is told its algorithm in Redis, as an operator would; of what others wrote there is a fleet for
// each way in which it can pick. What is not installed is left out with a word.

import { ALGORITHMS, type Algorithm } from '../model.js';
import type { Commands } from '../redis/connect.js';
import { buildKeys } from '../redis/keys.js';
import type { BenchContext } from './context.js';
import { until } from './health.js';
import { LAB_NAMESPACE, LabBalancer } from './lab-fleet.js';
import { PEER_PROGRAMS, startPeerProgram } from './peer-programs.js';
import { findProgram, type LabProcess } from './processes.js';

/** Balancers of each fleet. */
export const FLEET_SIZE = 4;

/** How others pick, in their own words. */
const PEERS = [
  { program: 'haproxy', label: 'haproxy leastconn', balance: 'leastconn' },
  { program: 'haproxy', label: 'haproxy random(2)', balance: 'random(2)' },
  { program: 'nginx', label: 'nginx least_conn', balance: 'least_conn' },
  { program: 'nginx', label: 'nginx random two', balance: 'random two least_conn' },
] as const;

/** An operator's word reaches every balancer with its next heartbeat. */
const SWITCH_TIMEOUT_MS = 10_000;

/** The hosts that all pick from. */
export interface PolicyHosts {
  readonly ports: readonly number[];
  /** The door that sees every host at this instant. */
  readonly allPort: number;
}

/** One who picks. */
export interface Contestant {
  readonly name: string;
  /** `floor` sees what nobody can see from outside; it is what the others are measured by. */
  readonly kind: 'floor' | 'meercat' | 'peer';
  readonly ports: readonly number[];
  /** The processes of its fleet. */
  readonly pids: readonly number[];
  /** Makes its fleet pick in this way. */
  readonly prepare: () => Promise<void>;
  /** Ends its fleet; that of Meercat's other policies too. */
  readonly stop: () => Promise<void>;
}

/** Starts all that can be started here, in the order in which they are listed. */
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
  /** What each balancer has logged. */
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
