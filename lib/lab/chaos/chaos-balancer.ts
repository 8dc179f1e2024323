// One balancer of a chaos run: a real process behind links of its own to Redis and to each host, started again and again
// on the same ports.

import { Agent } from 'node:http';
import type { Stamp } from '../../model.js';
import type { Shutdown } from '../../shutdown.js';
import { get, pause } from '../health.js';
import { freePort, type LabChild, startNode } from '../processes.js';
import type { TcpLink } from '../tcp-link.js';
import { detourUrl } from './detour.js';
import { freezeProcess } from './frozen.js';
import type { History } from './history.js';

const START_MS = 30_000;
const LOOK_EVERY_MS = 50;
const MAX_LINES = 20;

/** How long a host may owe an answer, in all balancers of the run. */
export const RESPONSE_TIMEOUT_MS = 2000;

/** The fields of a health page that the run uses. */
export interface ChaosHealth {
  readonly status: string;
  readonly reason: string;
  readonly role: string;
  readonly term: number;
  readonly hosts: number;
  readonly inflight: number;
  readonly table: Stamp;
}

/** What a balancer is started with. */
export interface BalancerSetup {
  readonly entry: string;
  readonly name: string;
  /** The address of Redis, through the link. */
  readonly redisUrl: string;
  readonly redisLink: TcpLink;
  /** The links to the hosts, by the port of the host. */
  readonly hostLinks: ReadonlyMap<number, TcpLink>;
  /** The file with its fleet key. */
  readonly keyFile: string;
  readonly history: History;
  readonly shutdown: Shutdown;
}

/** A balancer's process. */
export class ChaosBalancer {
  readonly name: string;
  readonly redisLink: TcpLink;
  readonly hostLinks: ReadonlyMap<number, TcpLink>;
  /** Counts its starts and ends. */
  life = 0;
  isFrozen = false;
  readonly port: number;
  readonly #consolePort: number;
  readonly #setup: BalancerSetup;
  readonly #agent = new Agent({ keepAlive: true });
  #child: LabChild | undefined;
  #isRunning = false;
  #lines: string[] = [];

  private constructor(setup: BalancerSetup, port: number, consolePort: number) {
    this.#setup = setup;
    this.name = setup.name;
    this.redisLink = setup.redisLink;
    this.hostLinks = setup.hostLinks;
    this.port = port;
    this.#consolePort = consolePort;
    setup.shutdown.add(() => this.#agent.destroy());
  }

  /** Prepares one; {@link start} starts it. */
  static async create(setup: BalancerSetup): Promise<ChaosBalancer> {
    return new ChaosBalancer(setup, await freePort(), await freePort());
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Whether it runs and can answer. */
  get isAnswering(): boolean {
    return this.#isRunning && !this.isFrozen;
  }

  /** Starts it; resolves once its console answers. */
  async start(): Promise<void> {
    const { entry, name, redisUrl, keyFile, history, shutdown } = this.#setup;
    const listening = ['--bind', '127.0.0.1', '--port', String(this.port), '--console-port', String(this.#consolePort)];
    const checking = ['--health-path', '/health', '--response-timeout', `${RESPONSE_TIMEOUT_MS}ms`, '--slow-start', '0'];
    // When a host's connections are cut, each of the requests on them may go to another host.
    const retrying = ['--retry-budget', '100'];
    const args = [
      'balancer',
      '--redis',
      redisUrl,
      '--name',
      name,
      '--fleet-key',
      keyFile,
      ...listening,
      ...checking,
      ...retrying,
      '--h2c',
      '--max-connections-per-client',
      '0',
    ];
    const detours = new Map([...this.hostLinks].map(([port, link]) => [port, link.port]));
    this.#lines = [];
    const child = startNode(entry, args, {
      core: null,
      shutdown,
      nodeFlags: ['--import', detourUrl(detours)],
      onStderr: (text) => this.#take(text),
    });
    this.#child = child;
    this.#isRunning = true;
    void child.exited.then(() => {
      if (this.#child !== child || !this.#isRunning) return;
      this.#isRunning = false;
      history.add({ kind: 'ended', atMs: history.nowMs(), process: name, lines: this.#lines.slice(-10) });
    });
    for (let waitedMs = 0; (await this.health()) === undefined; waitedMs += LOOK_EVERY_MS) {
      if (waitedMs > START_MS || !this.#isRunning) throw new Error(`${name} did not start:\n${this.#lines.join('\n')}`);
      await pause(LOOK_EVERY_MS);
    }
    this.life++;
  }

  /** Tells it to read its key file again. */
  reloadKey(): void {
    this.#child?.kill('SIGHUP');
  }

  /** Kills it (SIGKILL); resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops it (SIGTERM); resolves when it is gone. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Freezes it (SIGSTOP); resolves with what lets it go on. */
  async freeze(): Promise<() => Promise<void>> {
    this.isFrozen = true;
    const thaw = await freezeProcess(this.pid);
    return async () => {
      await thaw();
      this.isFrozen = false;
    };
  }

  /** Its health page; undefined while it can't answer. */
  async health(): Promise<ChaosHealth | undefined> {
    if (!this.isAnswering) return undefined;
    const { status, body } = await get(this.#consolePort, '/.meercat/health', this.#agent);
    if (status !== 200 && status !== 503) return undefined;
    try {
      return JSON.parse(body) as ChaosHealth;
    } catch {
      return undefined;
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#isRunning = false;
    this.life++;
    this.#child?.kill(signal);
    await this.#child?.exited;
  }

  #take(text: string): void {
    for (const line of text.split('\n').filter(Boolean)) {
      this.#lines = [...this.#lines, line].slice(-MAX_LINES);
      this.#setup.history.log(`${this.name} ${logText(line)}`);
    }
  }
}

/** The message and the fields of a log line, without what every line has. */
function logText(line: string): string {
  try {
    const { level, time, pid, hostname, msg, name, ...fields } = JSON.parse(line) as Record<string, unknown>;
    void [time, pid, hostname, name];
    return `${String(level)} ${String(msg)} ${JSON.stringify(fields)}`;
  } catch {
    return line;
  }
}
