// The contestants of `bench policies`: fleets of four load balancers in front of the same hosts. Meercat is one fleet whose
// algorithm is switched through Redis, as an operator would; each algorithm of another program has its own fleet.
// Programs that are not installed or do not start are skipped with a message.

import { Agent } from 'node:http';
import { messageOf } from '../errors.js';
import type { Algorithm } from '../model.js';
import type { Commands } from '../redis/connect.js';
import { buildKeys } from '../redis/keys.js';
import type { BenchContext } from './context.js';
import { get, until } from './health.js';
import { type HostAgents, readAgentChecks, untilAgentsHeard } from './host-agents.js';
import { LAB_NAMESPACE, LabBalancer } from './lab-fleet.js';
import { PEER_PROGRAMS, type StartedProgram, startPeerProgram } from './peer-programs.js';
import { OMNISCIENT, ourName, type PeerPlan, type PoliciesPlan } from './policies-plan.js';
import { findProgram, type LabProcess } from './processes.js';
import { CLASSES } from './scenario.js';

/** Balancers per fleet. */
export const FLEET_SIZE = 4;

/** Longest switch: a setting reaches every balancer at its next heartbeat. */
const SWITCH_TIMEOUT_MS = 10_000;

const START_TIMEOUT_MS = 20_000;

/** The hosts shared by all contestants. */
export interface PolicyHosts {
  readonly ports: readonly number[];
  /** Port of the omniscient balancer. */
  readonly allPort: number;
  /** The agents beside them. */
  readonly agents: HostAgents;
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
  /** Reads the weights, in percent, that agents have given to its hosts, in all processes; null if agents set none. */
  readonly readWeights: () => Promise<readonly number[] | null>;
  /** Stops its fleet, which Meercat's policies share. */
  readonly stop: () => Promise<void>;
}

const nothing = async (): Promise<void> => undefined;
const noWeights = async (): Promise<null> => null;

/** The contestants that take part, in the order of the report, and why others do not. */
export interface StartedContestants {
  readonly contestants: readonly Contestant[];
  readonly leftOut: readonly string[];
}

/** Starts what is planned and available; each one has answered requests of each class rightly. */
export async function startContestants(
  { entry, say, shutdown }: BenchContext,
  plan: PoliciesPlan,
  redisUrl: string,
  client: Commands,
  hosts: PolicyHosts,
): Promise<StartedContestants> {
  const floor: Contestant = {
    name: OMNISCIENT,
    kind: 'floor',
    ports: Array.from({ length: FLEET_SIZE }, () => hosts.allPort),
    pids: [],
    prepare: nothing,
    readWeights: noWeights,
    stop: nothing,
  };
  const ours = plan.algorithms.length === 0 ? [] : await startMeercat({ entry, shutdown }, plan, redisUrl, client, hosts);
  for (const contestant of [floor, ...ours]) {
    await contestant.prepare();
    await checkContestant(contestant);
  }
  const peers: Contestant[] = [];
  const leftOut: string[] = [];
  for (const peer of plan.peers) {
    const started = await startPeer(peer, hosts, shutdown).catch((error: unknown) => `${peer.label} is left out: ${messageOf(error)}`);
    if (typeof started !== 'string') peers.push(started);
    else {
      say(started);
      leftOut.push(started);
    }
  }
  return { contestants: [floor, ...ours, ...peers], leftOut };
}

/** Starts another program's fleet; rejects with the reason why it can't take part. */
async function startPeer(
  { program, label, balance, hasAgents }: PeerPlan,
  hosts: PolicyHosts,
  shutdown: BenchContext['shutdown'],
): Promise<Contestant> {
  const [path, builder] = [findProgram(program), PEER_PROGRAMS.find(({ name }) => name === program)];
  if (path === undefined || builder === undefined) throw new Error(`${program} is not installed`);
  const fleet: StartedProgram[] = [];
  try {
    const wishes = { balance, agentPorts: hasAgents ? hosts.agents.ports : undefined };
    for (let i = 0; i < FLEET_SIZE; i++) fleet.push(await startPeerProgram(builder, path, hosts.ports, { core: null, shutdown }, wishes));
    const contestant: Contestant = {
      name: label,
      kind: 'peer',
      ports: fleet.map(({ port }) => port),
      pids: fleet.map(({ pid }) => pid),
      prepare: nothing,
      readWeights: hasAgents ? () => readWeights(fleet) : noWeights,
      stop: () => stopAll(fleet),
    };
    await checkContestant(contestant);
    if (hasAgents)
      await untilAgentsHeard(
        label,
        fleet.map(({ statusPort }) => statusPort),
        hosts.ports.length,
      );
    return contestant;
  } catch (error) {
    await stopAll(fleet);
    throw error;
  }
}

async function readWeights(fleet: readonly StartedProgram[]): Promise<number[]> {
  const agent = new Agent();
  const checks = await Promise.all(fleet.map(({ statusPort }) => readAgentChecks(statusPort, agent)));
  agent.destroy();
  return checks.flatMap((each) => each?.weights ?? []);
}

/** Checks that each of its ports answers a request of each class rightly; rejects after 20 s. */
export async function checkContestant({ name, ports }: Pick<Contestant, 'name' | 'ports'>): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  try {
    for (const port of ports) {
      for (const { path } of CLASSES) {
        await until(`${name} to answer ${path} rightly on port ${port}`, START_TIMEOUT_MS, 50, async () => {
          const { status, body } = await get(port, path, agent);
          return status === 200 && new RegExp(`^h\\d+ ${path} \\n$`).test(body);
        });
      }
    }
  } finally {
    agent.destroy();
  }
}

async function startMeercat(
  { entry, shutdown }: Pick<BenchContext, 'entry' | 'shutdown'>,
  { algorithms }: PoliciesPlan,
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
  return algorithms.map((algorithm) => ({
    name: ourName(algorithm),
    kind: 'meercat',
    ports: balancers.map(({ port }) => port),
    pids: balancers.map(({ process: { pid } }) => pid),
    prepare: () => choose(algorithm),
    readWeights: noWeights,
    stop: () => stopAll(balancers.map(({ process }) => process)),
  }));
}

async function stopAll(fleet: readonly Pick<LabProcess, 'stop'>[]): Promise<void> {
  await Promise.all(fleet.map((each) => each.stop()));
}
