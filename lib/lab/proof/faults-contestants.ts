// The contestants of the fault rounds: fleets of Meercat, each balancer with a link of its own to the Redis that they
// share, and as many independent HAProxies and nginxes, in front of the same hosts. Every balancer can be killed, frozen,
// and restarted as its users do.

import { Agent } from 'node:http';
import { connect } from 'node:net';
import { MeercatError, messageOf } from '../../errors.js';
import { get, until } from '../health.js';
import { LabBalancer, untilOneMaster } from '../lab-fleet.js';
import { PEER_PROGRAMS, startPeerProgram } from '../peer-programs.js';
import { cpuTimesByProcess } from '../process-cpu.js';
import { findProgram, type StartOptions } from '../processes.js';
import { startTcpLink, type TcpLink } from '../tcp-link.js';
import type { Program } from './figures.js';
import { contestantNameOf } from './plan.js';

const START_TIMEOUT_MS = 20_000;

/** How often a balancer that comes back is asked whether it serves. */
const POLL_MS = 10;

/** One balancer, of any program. */
export interface FaultBalancer {
  readonly port: number;
  /** Its link to Redis; undefined for programs without. */
  readonly link: TcpLink | undefined;
  /** Freezes all its processes, or lets them go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /**
   * Kills all its processes at once (SIGKILL), as a service manager kills a control group, and starts it again as soon as
   * its port is free. Resolves when it serves, with the time (ms) from the kill to the start.
   */
  killAndStart(): Promise<number>;
  /** Restarts it as its users do; resolves when it serves again. */
  renew(): Promise<void>;
}

/** One contestant. */
export interface FaultContestant {
  readonly name: string;
  readonly program: Program;
  readonly balancers: number;
  readonly members: readonly FaultBalancer[];
  /** Waits until all is well; returns its master, or the first balancer of a program without one. */
  untilWell(): Promise<FaultBalancer>;
}

/** What contestants share. */
export interface FaultGround {
  readonly redisPort: number;
  readonly hostPorts: readonly number[];
  readonly options: StartOptions;
}

/** The namespace of a fleet of this size. */
export function faultNamespaceOf(balancers: number): string {
  return `faults-${balancers}`;
}

/** Starts a fleet of Meercat, which learns of its hosts by their reports. */
export async function startMeercatFleet(
  entry: string,
  balancers: number,
  { redisPort, hostPorts, options }: FaultGround,
): Promise<FaultContestant> {
  const links = await Promise.all(Array.from({ length: balancers }, () => startTcpLink(redisPort)));
  for (const link of links) options.shutdown.add(() => link.close());
  const flags = ['--namespace', faultNamespaceOf(balancers)];
  const fleet = await Promise.all(
    links.map((link, index) => LabBalancer.start(entry, `b${index + 1}`, `redis://127.0.0.1:${link.port}`, [], options, flags)),
  );
  const hosts = hostPorts.length;
  const members = fleet.map((balancer, index): FaultBalancer => {
    return {
      port: balancer.port,
      link: links[index],
      signal: (signal) => balancer.process.kill(signal),
      async killAndStart() {
        balancer.process.kill('SIGKILL');
        const startedAfterMs = await untilFree(balancer.port);
        balancer.restart();
        await untilRight(balancer.port);
        return startedAfterMs;
      },
      async renew() {
        balancer.process.kill('SIGTERM');
        await balancer.process.exited;
        balancer.restart();
        await untilRight(balancer.port);
      },
    };
  });
  return {
    name: contestantNameOf('meercat', balancers),
    program: 'meercat',
    balancers,
    members,
    async untilWell() {
      await Promise.all(fleet.map((balancer) => balancer.untilServing(hosts)));
      const { master } = await untilOneMaster(fleet);
      await Promise.all(members.map(({ port }) => untilRight(port)));
      return members[fleet.indexOf(master)] as FaultBalancer;
    },
  };
}

/** How the balancers of another program are restarted, for the notes of a report. */
export const RENEWED_BY: Readonly<Record<'haproxy' | 'nginx', string>> = {
  haproxy: 'HAProxy reloads (SIGUSR2 to its master process, listeners handed over)',
  nginx: 'nginx reloads (SIGHUP to its master process)',
};

/** Starts independent balancers of another program, which choose the host with the fewest connections. Rejects with the reason why they can't take part. */
async function startPeerFleet(
  program: 'haproxy' | 'nginx',
  balancers: number,
  { hostPorts, options }: FaultGround,
): Promise<FaultContestant> {
  const [path, builder] = [findProgram(program), PEER_PROGRAMS.find(({ name }) => name === program)];
  if (path === undefined || builder === undefined) throw new MeercatError('MEERCAT_START_FAILED', `${program} is not installed`);
  const wishes = { balance: program === 'haproxy' ? 'leastconn' : 'least_conn', findsDeadHosts: true, canReload: true };
  const members = await Promise.all(
    Array.from({ length: balancers }, async (): Promise<FaultBalancer> => {
      let started = await startPeerProgram(builder, path, hostPorts, options, wishes);
      /** The master first: it must not start another worker in place of one that was hit before it. */
      const processes = (): number[] => [started.pid, ...[...cpuTimesByProcess(started.pid).keys()].filter((pid) => pid !== started.pid)];
      const signalAll = (signal: NodeJS.Signals): number[] => processes().filter((pid) => sendSignal(pid, signal));
      return {
        port: started.port,
        link: undefined,
        signal: signalAll,
        async killAndStart() {
          started.killAll();
          // Not until its processes are gone: a killed worker whose master is dead waits for init to reap it.
          const startedAfterMs = await untilFree(started.port);
          started = await started.again();
          await untilRight(started.port);
          return startedAfterMs;
        },
        async renew() {
          const before = new Set(processes());
          sendSignal(started.pid, builder.reloadSignal ?? 'SIGHUP');
          await until(`${program} to start a new worker`, START_TIMEOUT_MS, POLL_MS, () => processes().some((pid) => !before.has(pid)));
          await untilRight(started.port);
        },
      };
    }),
  );
  return {
    name: contestantNameOf(program, balancers),
    program,
    balancers,
    members,
    async untilWell() {
      await Promise.all(members.map(({ port }) => untilRight(port)));
      return members[0] as FaultBalancer;
    },
  };
}

/** Starts a contestant; returns the reason, as a sentence, if it can't take part. */
export async function tryPeerFleet(
  program: 'haproxy' | 'nginx',
  balancers: number,
  ground: FaultGround,
): Promise<FaultContestant | string> {
  return startPeerFleet(program, balancers, ground).catch((error: unknown) => `faults: ${program} is left out: ${messageOf(error)}`);
}

/** Waits until a host answers through this port. */
async function untilRight(port: number): Promise<void> {
  const agent = new Agent();
  await until(`a right answer on port ${port}`, START_TIMEOUT_MS, POLL_MS, async () =>
    /^h\d+ \n$/.test((await get(port, '/', agent)).body),
  );
}

/** Returns false if the process has ended. */
function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}

/** Waits until nobody listens on this port; resolves with the time that took (ms). */
export async function untilFree(port: number): Promise<number> {
  const startMs = performance.now();
  await until(`port ${port} to be free`, START_TIMEOUT_MS, 1, () => isRefused(port));
  return performance.now() - startMs;
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}
