// The agents of a chaos run. One host has a real `meercat agent`; the reports of the others are published here, as an
// agent publishes them, so that they can lie.

import { randomUUID } from 'node:crypto';
import type { Report } from '../../model.js';
import { parseRedisAddress } from '../../redis/address.js';
import { type Commands, openCommands } from '../../redis/connect.js';
import type { Keys } from '../../redis/keys.js';
import { encodeReport } from '../../redis/report-message.js';
import type { Shutdown } from '../../shutdown.js';
import { type LabChild, startNode } from '../processes.js';
import type { FleetKeys } from './fleet-keys.js';
import type { History } from './history.js';

/** How often agents report: a host is silent after three missed reports. */
export const REPORT_EVERY_MS = 250;

/** A host as its agent knows it. */
export interface ReportedHost {
  readonly name: string;
  readonly url: string;
}

/** Publishes reports of hosts. */
export class PublishedAgents {
  readonly #client: Commands;
  readonly #keys: Keys;
  readonly #fleetKeys: FleetKeys;
  readonly #instances = new Map<string, string>();
  /** Hosts whose agent is dead. */
  readonly silent = new Set<string>();
  /** What an agent reports instead of the truth. */
  readonly lies = new Map<string, Partial<Report>>();

  constructor(redisUrl: string, keys: Keys, fleetKeys: FleetKeys, hosts: readonly ReportedHost[], shutdown: Shutdown) {
    this.#fleetKeys = fleetKeys;
    this.#client = openCommands(parseRedisAddress(redisUrl));
    this.#keys = keys;
    for (const { name } of hosts) this.#instances.set(name, randomUUID());
    const timer = setInterval(() => {
      for (const host of hosts) if (!this.silent.has(host.name)) this.report(host, this.lies.get(host.name));
    }, REPORT_EVERY_MS);
    shutdown.add(() => {
      clearInterval(timer);
      this.#client.disconnect();
    });
  }

  /** The identity of the agent of a host: only who can read the reports knows it. */
  instanceOf(name: string): string | undefined {
    return this.#instances.get(name);
  }

  /** Publishes one report, signed with the key of its host's agent. What Redis does not take is lost, as with any agent. */
  report({ name, url }: ReportedHost, changes: Partial<Report> = {}): void {
    const instance = this.#instances.get(name);
    const figures = { cpu: 0.2, memory: 0.3, cores: 4, rps: null };
    const text = encodeReport({ host: name, url, ...figures, intervalMs: REPORT_EVERY_MS, bye: false, instance, ...changes });
    const { reports } = this.#keys;
    this.#client.publish(reports, this.#fleetKeys.agentOf(name)?.sign(reports, text, 'agent') ?? text).catch(() => undefined);
  }
}

/** A real agent, started again and again. */
export class RealAgent {
  readonly host: ReportedHost;
  readonly #args: readonly string[];
  readonly #entry: string;
  readonly #history: History;
  readonly #shutdown: Shutdown;
  #child: LabChild | undefined;
  #isRunning = false;
  #lines: string[] = [];

  constructor(entry: string, redisUrl: string, fleetKeys: FleetKeys, host: ReportedHost, history: History, shutdown: Shutdown) {
    this.#entry = entry;
    const reporting = ['--name', host.name, '--url', host.url, '--interval', `${REPORT_EVERY_MS}ms`];
    this.#args = ['agent', '--redis', redisUrl, '--agent-key', fleetKeys.agentFile(host.name), ...reporting];
    this.host = host;
    this.#history = history;
    this.#shutdown = shutdown;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  start(): void {
    const child = startNode(this.#entry, this.#args, {
      core: null,
      shutdown: this.#shutdown,
      onStderr: (text) => {
        this.#lines = [...this.#lines, text.trim()].slice(-10);
      },
    });
    this.#child = child;
    this.#isRunning = true;
    void child.exited.then(() => {
      if (this.#child !== child || !this.#isRunning) return;
      const { host } = this;
      this.#history.add({ kind: 'ended', atMs: this.#history.nowMs(), process: `the agent of ${host.name}`, lines: this.#lines });
    });
  }

  /** Tells it to read its key again. */
  reloadKey(): void {
    this.#child?.kill('SIGHUP');
  }

  /** Ends it; resolves when it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    this.#isRunning = false;
    this.#child?.kill(signal);
    await this.#child?.exited;
  }
}
