// The agents beside the simulated hosts of `bench policies`: one `meercat agent` for each, as a user starts it. A host's
// simulated CPU is not the machine's, so the agent reads it from a page of the host. What it reads goes to Meercat's fleet
// as a report and to HAProxy as the answer to its agent check: both know the same of the hosts.

import { Agent } from 'node:http';
import { connect } from 'node:net';
import type { Shutdown } from '../shutdown.js';
import { get, until } from './health.js';
import { LAB_NAMESPACE } from './lab-fleet.js';
import { freePort, startNode } from './processes.js';
import { LOAD_PATH } from './virtual-hosts.js';

const START_TIMEOUT_MS = 20_000;

/** Running agents. */
export interface HostAgents {
  /** Where each host's agent answers HAProxy's agent checks, in the order of the hosts. */
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

/** Starts an agent for the host on each of these ports: `h1`, `h2` and so on. All of them answer agent checks. */
export async function startHostAgents(
  entry: string,
  redisUrl: string,
  hostPorts: readonly number[],
  shutdown: Shutdown,
): Promise<HostAgents> {
  const stoppedHere: Shutdown = { add: () => undefined, run: async () => undefined };
  const ports = await Promise.all(hostPorts.map(() => freePort()));
  const agents = ports.map((port, index) => {
    const url = `http://127.0.0.1:${hostPorts[index]}`;
    const names = ['--name', `h${index + 1}`, '--url', url, '--namespace', LAB_NAMESPACE];
    const args = ['agent', '--redis', redisUrl, ...names, '--probe', `${url}${LOAD_PATH}`, '--listen-agent-check', String(port)];
    return startNode(entry, args, { core: null, shutdown: stoppedHere });
  });
  const stop = async (): Promise<void> => {
    // At once: nobody needs their goodbyes, and a stopping agent waits for HAProxy to hear its own.
    for (const agent of agents) agent.kill('SIGKILL');
    await Promise.all(agents.map(({ exited }) => exited));
  };
  shutdown.add(stop);
  for (const port of ports) await until(`an agent to answer on port ${port}`, START_TIMEOUT_MS, 50, () => isAnswered(port));
  return { ports, stop };
}

function isAnswered(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('data', () => resolve(true)).on('error', () => resolve(false));
    socket.on('close', () => resolve(false)).setTimeout(START_TIMEOUT_MS, () => socket.destroy());
  });
}

/** What a HAProxy knows from the agents of its hosts. */
export interface AgentChecks {
  /** The weight of each server, in percent. */
  readonly weights: readonly number[];
  /** Servers whose agent answered the last check. */
  readonly answered: number;
}

/** Reads the status page of a HAProxy; null while there is none. */
export async function readAgentChecks(statusPort: number, agent: Agent): Promise<AgentChecks | null> {
  const { status, body } = await get(statusPort, '/;csv', agent);
  return status === 200 ? parseAgentChecks(body) : null;
}

/** Parses HAProxy's statistics as CSV (management guide, 9.1); lines of other things than servers with agents are skipped. */
export function parseAgentChecks(csv: string): AgentChecks {
  const [heading = '', ...lines] = csv.split('\n');
  const columns = heading.replace(/^# /, '').split(',');
  const servers = lines
    .map((line) => line.split(','))
    .map(
      (fields) =>
        (column: string): string =>
          fields[columns.indexOf(column)] ?? '',
    )
    .filter((field) => field('agent_status') !== '');
  return {
    weights: servers.map((field) => Number(field('weight'))),
    // With a `* ` in front while the next check is under way.
    answered: servers.filter((field) => /^(?:\* )?L7OK$/.test(field('agent_status'))).length,
  };
}

/** Waits until each of these HAProxy processes has heard the agents of this many hosts. */
export async function untilAgentsHeard(name: string, statusPorts: readonly number[], hosts: number): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  try {
    for (const port of statusPorts) {
      await until(`${name} to hear the agents of all hosts`, START_TIMEOUT_MS, 50, async () => {
        const checks = await readAgentChecks(port, agent);
        return checks?.answered === hosts;
      });
    }
  } finally {
    agent.destroy();
  }
}
