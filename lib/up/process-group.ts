// `meercat balancer --processes N`: several balancers behind one port. This process starts them, starts those again
// that end, restarts them one after the other, and stops them together; it serves no request itself. All accept from
// one listening socket, which stays open while any of them has it: no connection depends on one process before that
// process has taken it. docs/processes.md has what was measured of the other ways.

import cluster from 'node:cluster';
import { createServer, type AddressInfo } from 'node:net';
import type { BalancerConfig } from '../config/config.js';
import { formatMember, groupName } from '../config/processes.js';
import { MeercatError } from '../errors.js';
import type { Log } from '../log.js';
import { GroupProcess } from './group-process.js';
import type { ToMember } from './group-messages.js';
import { createRollingRestart } from './rolling-restart.js';

/** Another program can take a free port before the first process does. */
const PORT_ATTEMPTS = 3;

/** What a group is made with. */
export interface ProcessGroupOptions {
  readonly config: BalancerConfig;
  /** The compiled file of the command line. */
  readonly entry: string;
  /** The command line that started this process: each process reads it again. */
  readonly args: readonly string[];
}

/** Several balancers behind one port. */
export interface ProcessGroup {
  /** Resolves with the port when all serve, or with null when the group was stopped meanwhile. Rejects with the first error of any of them, after all were stopped. */
  start(): Promise<number | null>;
  /** Restarts them one after the other, unless that is under way; each stops when another one serves. */
  restart(): void;
  /** Tells all of them something. */
  tell(message: ToMember): void;
  /** Stops all in good order; resolves when all have ended. */
  stop(): Promise<void>;
  /** Ends all at once. */
  kill(): void;
}

/** Makes a group; nothing is started yet. Throws MEERCAT_START_FAILED where another program's cluster runs this process. */
export function createProcessGroup({ config, entry, args }: ProcessGroupOptions, log: Log): ProcessGroup {
  if (!cluster.isPrimary)
    throw new MeercatError(
      'MEERCAT_START_FAILED',
      '--processes: another program runs this one as a process of its own cluster; leave it to one of the two',
    );
  // All accept by themselves. Handing connections round would cost one that is on its way when a process dies.
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
          // Ctrl-C reaches all processes of a terminal; these leave it to this one.
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
      // oxlint-disable no-await-in-loop -- one attempt after the other
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
        // The first one alone: what is wrong with all of them is said once.
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

/** A port that was free a moment ago; 0 when there is none at this address, so that the first process says why. */
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
