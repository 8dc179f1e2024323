// `meercat balancer --processes N`: several balancers behind one port. This process starts them, restarts those that
// exit, performs rolling restarts, and stops them together; it serves no requests itself. All accept from one shared
// listening socket, which stays open while any of them holds it: a connection depends on no single process until one
// has accepted it. docs/processes.md compares the alternatives with measurements.

import cluster from 'node:cluster';
import { createServer, type AddressInfo } from 'node:net';
import type { BalancerConfig } from '../config/config.js';
import { formatMember, groupName } from '../config/processes.js';
import { MeercatError } from '../errors.js';
import type { Log } from '../log.js';
import { GroupProcess } from './group-process.js';
import type { ToMember } from './group-messages.js';
import { createRollingRestart } from './rolling-restart.js';

/** Another program can take the free port before the first process does: retry. */
const PORT_ATTEMPTS = 3;

/** Options of a group. */
export interface ProcessGroupOptions {
  readonly config: BalancerConfig;
  /** The compiled file of the command line. */
  readonly entry: string;
  /** The command line of this process: each child parses it again. */
  readonly args: readonly string[];
}

/** Several balancers behind one port. */
export interface ProcessGroup {
  /** Resolves with the port when all serve, or with null if the group was stopped meanwhile. Rejects with the first error of any process, after stopping all. */
  start(): Promise<number | null>;
  /** Starts a rolling restart, unless one is under way; each process stops once another one serves. */
  restart(): void;
  /** Sends a message to all processes. */
  tell(message: ToMember): void;
  /** Stops all gracefully; resolves when all have exited. */
  stop(): Promise<void>;
  /** Kills all. */
  kill(): void;
}

/** Creates a group without starting it. Throws MEERCAT_START_FAILED if this process is itself a worker of another program's cluster. */
export function createProcessGroup({ config, entry, args }: ProcessGroupOptions, log: Log): ProcessGroup {
  if (!cluster.isPrimary)
    throw new MeercatError(
      'MEERCAT_START_FAILED',
      '--processes: another program runs this one as a process of its own cluster; leave it to one of the two',
    );
  // Each process accepts by itself. Passing connections around would lose those in transit when a process dies.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const { processes, drainDelayMs, drainTimeoutMs } = config;
  const [command = 'balancer', ...flags] = args;
  let { port } = config;
  let isStopped = false;

  const members = Array.from(
    { length: processes },
    (_, index) =>
      new GroupProcess({
        name: () => `${groupName(config, port)}-${index + 1}`,
        launch() {
          const isPortShared = members.some((member) => member.isServing);
          // A terminal sends Ctrl-C to all processes; the children leave it to this one.
          cluster.setupPrimary({
            exec: entry,
            args: [command, '--member', formatMember({ number: index + 1, port, isPortShared }), ...flags],
            stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
          });
          return cluster.fork();
        },
        stopTimeoutMs: drainDelayMs + drainTimeoutMs,
        log,
      }),
  );
  const [first, ...others] = members as [GroupProcess, ...GroupProcess[]];

  const rolling = createRollingRestart(
    members.map((member) => ({
      get name() {
        return member.name;
      },
      async restart() {
        await Promise.any(members.filter((other) => other !== member).map((other) => other.untilServing())).catch(() => {
          throw new MeercatError('MEERCAT_RESTART_FAILED', 'no other process serves');
        });
        await member.restart();
      },
      untilServing: () => member.untilServing(),
    })),
    ({ kind, name, detail }) =>
      log(kind === 'restart-failed' ? 'error' : 'info', kind.replace('-', ' '), { ...(name !== null && { process: name }), detail }),
  );

  async function startFirst(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      // oxlint-disable no-await-in-loop -- sequential attempts
      if (config.port === 0) port = await findFreePort(config.bind);
      try {
        return await first.start();
      } catch (error) {
        const isPortLost = config.port === 0 && error instanceof MeercatError && error.code === 'MEERCAT_PORT_TAKEN';
        if (!isPortLost || isStopped || attempt === PORT_ATTEMPTS) throw error;
      }
      // oxlint-enable no-await-in-loop
    }
  }

  async function stop(): Promise<void> {
    isStopped = true;
    rolling.stop();
    await Promise.all(members.map((member) => member.stop()));
  }

  return {
    async start() {
      try {
        // Start the first one alone: an error that affects all is reported once.
        await startFirst();
        if (!isStopped) await Promise.all(others.map((member) => member.start()));
      } catch (error) {
        if (isStopped) return null;
        await stop();
        throw error;
      }
      return isStopped ? null : port;
    },
    restart: () => rolling.request(),
    tell: (message) => members.forEach((member) => member.tell(message)),
    stop,
    kill: () => members.forEach((member) => member.kill()),
  };
}

/** A port that is free at the moment; 0 if there is none at this address, so that the first process reports why. */
function findFreePort(bind: string): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(0));
    server.listen(0, bind, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
