// Parts shared by several benchmarks: a private Redis, minimal hosts, and balancers started through the command line.

import { Agent } from 'node:http';
import { MeercatError } from '../errors.js';
import { type LocalRedis, startLocalRedis } from '../up/local-server.js';
import type { Shutdown } from '../shutdown.js';
import { get, readHealth, until } from './health.js';
import { freePort, type LabChild, type LabProcess, type StartOptions, startNode, startRole } from './processes.js';
import { bodyOf } from './lab-bodies.js';

const START_TIMEOUT_MS = 20_000;

/** Default namespace of the lab's fleets. */
export const LAB_NAMESPACE = 'bench';

/** Starts an empty Redis; pass `atPort` to start one again on its old port. */
export async function startLabRedis(entry: string, shutdown: Shutdown, atPort?: number): Promise<LocalRedis> {
  const redis = await startLocalRedis(atPort ?? (await freePort()), [entry, 'embedded-redis', '--port'], () => undefined);
  shutdown.add(() => redis.stop());
  return redis;
}

/** A running minimal host. */
export interface LabHost {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  /** The body of all its responses. */
  readonly body: string;
  readonly process: LabProcess;
}

/** Starts a minimal host in a process of its own; pass `atPort` to restart one on its old port. */
export async function startLabHost(name: string, options: StartOptions, atPort = 0): Promise<LabHost> {
  const { child, ready } = await startRole('host', [name, String(atPort)], options);
  const port = Number(ready.port);
  return { name, url: `http://127.0.0.1:${port}`, port, body: bodyOf(name), process: child };
}

/** Starts a gRPC service in a process of its own, reached by HTTP/2 without TLS. */
export async function startGrpcHost(name: string, options: StartOptions): Promise<LabHost> {
  const { child, ready } = await startRole('grpc-host', [name], options);
  const port = Number(ready.port);
  return { name, url: `h2://127.0.0.1:${port}`, port, body: bodyOf(name), process: child };
}

/** A balancer that can be stopped and restarted on the same ports. */
export class LabBalancer {
  readonly name: string;
  readonly port: number;
  readonly consolePort: number;
  readonly #launch: () => LabChild;
  readonly #agent = new Agent({ keepAlive: true });
  #child: LabChild;

  private constructor(name: string, port: number, consolePort: number, launch: () => LabChild) {
    this.name = name;
    this.port = port;
    this.consolePort = consolePort;
    this.#launch = launch;
    this.#child = launch();
  }

  /** Starts a balancer with these static hosts, on free ports; `flags` are additional. */
  static async start(
    entry: string,
    name: string,
    redisUrl: string,
    hosts: readonly Pick<LabHost, 'name' | 'url'>[],
    options: StartOptions,
    flags: readonly string[] = [],
  ): Promise<LabBalancer> {
    const [port, consolePort] = [await freePort(), await freePort()];
    const args = [
      'balancer',
      '--redis',
      redisUrl,
      '--name',
      name,
      '--bind',
      '127.0.0.1',
      '--port',
      String(port),
      '--console-port',
      String(consolePort),
      ...hosts.flatMap((host) => ['--host', `${host.url},name=${host.name}`]),
      // The whole load comes from one address.
      '--max-connections-per-client',
      '0',
      // Defaults that `flags` may override: no flag may be given twice.
      ...[
        ['--namespace', LAB_NAMESPACE],
        ['--log-level', 'error'],
      ]
        .filter(([flag = '']) => !flags.includes(flag))
        .flat(),
      ...flags,
    ];
    return new LabBalancer(name, port, consolePort, () => startNode(entry, args, options));
  }

  get process(): LabChild {
    return this.#child;
  }

  /** Restarts it after it has ended. */
  restart(): void {
    this.#child = this.#launch();
  }

  /** Reads its health page; null while there is none. */
  health(): ReturnType<typeof readHealth> {
    return readHealth(this.consolePort, this.#agent);
  }

  /** Resolves once it serves and knows this many hosts. */
  async untilServing(hosts: number, timeoutMs = START_TIMEOUT_MS): Promise<void> {
    await until(`${this.name} serves`, timeoutMs, 20, async () => {
      const health = await this.health();
      return health?.status === 'serving' && health.hosts >= hosts;
    });
  }
}

/** The master of a fleet, and its term. */
export interface LabMaster {
  readonly master: LabBalancer;
  readonly term: number;
}

/** Waits until one balancer is master and all serve and know its term; returns it. */
export async function untilOneMaster(balancers: readonly LabBalancer[], timeoutMs = START_TIMEOUT_MS): Promise<LabMaster> {
  let found: LabMaster | undefined;
  await until('there is one master and all balancers know its term', timeoutMs, 20, async () => {
    const pages = await Promise.all(balancers.map((balancer) => balancer.health()));
    const masters = balancers.filter((_, index) => pages[index]?.role === 'master');
    const terms = new Set(pages.map((health) => (health?.status === 'serving' ? health.term : Number.NaN)));
    const [[master], [term = Number.NaN]] = [masters, terms];
    if (masters.length !== 1 || terms.size !== 1 || master === undefined || !(term > 0)) return false;
    found = { master, term };
    return true;
  });
  if (found === undefined) throw new Error('settled without a master');
  return found;
}

/** Sends `times` requests; throws unless every response has one of these bodies. */
export async function checkAnswers(name: string, port: number, bodies: ReadonlySet<string>, times: number): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  try {
    for (let i = 0; i < times; i++) {
      const { status, body } = await get(port, '/', agent);
      if (status !== 200 || !bodies.has(body)) {
        throw new MeercatError(
          'MEERCAT_START_FAILED',
          `${name} answers wrongly: status ${status}, body ${JSON.stringify(body.slice(0, 120))}`,
        );
      }
    }
  } finally {
    agent.destroy();
  }
}
