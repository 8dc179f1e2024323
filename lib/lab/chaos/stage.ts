// The stage of a chaos run: Redis with its users, hosts with their agents, balancers behind links, and what an operator
// has set. Faults act on it; nothing here decides what is right.

import { parseRedisAddress } from '../../redis/address.js';
import { type Commands, openCommands } from '../../redis/connect.js';
import { publishEvent } from '../../redis/fleet-store.js';
import { buildKeys, type Keys } from '../../redis/keys.js';
import { writeAlgorithm, writeOperatorState } from '../../redis/settings.js';
import type { MessageSigner } from '../../redis/sign.js';
import type { Algorithm } from '../../model.js';
import type { Random } from '../../routing/random.js';
import type { Shutdown } from '../../shutdown.js';
import { freePort, type LabChild, startRole } from '../processes.js';
import { startTcpLink, type TcpLink } from '../tcp-link.js';
import { PublishedAgents, RealAgent } from './agents.js';
import { ChaosBalancer } from './chaos-balancer.js';
import type { HostBehaviour } from './chaos-host.js';
import { FleetKeys } from './fleet-keys.js';
import { ChaosRedis } from './chaos-redis.js';
import { freezeProcess } from './frozen.js';
import type { History } from './history.js';
import { Watch } from './watch.js';

const BALANCERS = ['b1', 'b2', 'b3'];

/** The hosts; the third one has a real agent, and the last one is drained by an operator. */
const HOSTS: readonly string[] = ['h1', 'h2', 'h3', 'h4'];

/** Those that speak HTTP/2: one of which the run publishes reports, and the one with the real agent. */
const HTTP2_HOSTS: ReadonlySet<string> = new Set(['h2', 'h3']);

/** The namespace that deploy/redis/meercat.acl is written for. */
const NAMESPACE = 'meercat';

/** A host's process, started again and again on one port. */
export class ChaosHost {
  readonly name: string;
  readonly port: number;
  readonly url: string;
  /** The links to it: they refuse connections while it is dead, since a forwarder would accept them. */
  readonly links: TcpLink[] = [];
  readonly #isHttp2: boolean;
  readonly #onPost: (host: string, path: string) => void;
  readonly #shutdown: Shutdown;
  #child: LabChild | undefined;

  constructor(name: string, port: number, onPost: (host: string, path: string) => void, shutdown: Shutdown) {
    this.#onPost = onPost;
    this.name = name;
    this.port = port;
    this.#isHttp2 = HTTP2_HOSTS.has(name);
    this.url = `${this.#isHttp2 ? 'h2' : 'http'}://127.0.0.1:${port}`;
    this.#shutdown = shutdown;
  }

  async start(): Promise<void> {
    const role = [this.name, String(this.port), this.#isHttp2 ? 'h2' : 'http1'];
    const { child } = await startRole('chaos-host', role, { core: null, shutdown: this.#shutdown });
    child.onMessage('posted', ({ path }) => this.#onPost(this.name, String(path)));
    this.#child = child;
    await Promise.all(this.links.map((link) => link.become({})));
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#child?.exited;
    await Promise.all(this.links.map((link) => link.become({ isRefusing: true })));
  }

  freeze(): Promise<() => Promise<void>> {
    return freezeProcess(this.#child?.pid ?? 0);
  }

  behave(behaviour: HostBehaviour): void {
    this.#child?.send({ type: 'behave', behaviour });
  }
}

/** Everything that faults act on. */
export interface Stage {
  readonly redis: ChaosRedis;
  readonly keys: Keys;
  readonly fleetKeys: FleetKeys;
  readonly balancers: readonly ChaosBalancer[];
  readonly hosts: readonly ChaosHost[];
  readonly agents: PublishedAgents;
  readonly realAgent: RealAgent;
  readonly operator: Operator;
  readonly watch: Watch;
  readonly history: History;
  /** Makes another balancer, which none of the others knows; it reaches Redis and hosts without links. */
  readonly stranger: (name: string, keyFile: string) => Promise<ChaosBalancer>;
}

/** What an operator set, and what must stand in Redis because of it. */
export class Operator {
  #expected: Readonly<Record<string, string>> = {};
  #algorithm: Algorithm | undefined;
  readonly #history: History;
  readonly #client: Commands;
  readonly #keys: Keys;
  readonly #signer: MessageSigner;

  constructor(redisUrl: string, keys: Keys, signer: MessageSigner, history: History, shutdown: Shutdown) {
    this.#signer = signer;
    this.#client = openCommands(parseRedisAddress(redisUrl));
    this.#keys = keys;
    this.#history = history;
    shutdown.add(() => this.#client.disconnect());
  }

  /** The fields of the settings that must stand, with their signatures. */
  get expected(): Readonly<Record<string, string>> {
    return this.#expected;
  }

  /** Changes what must stand: somebody else changed the settings. */
  expect(fields: Readonly<Record<string, string>>): void {
    this.#expected = fields;
    this.#history.add({ kind: 'operator', atMs: this.#history.nowMs(), expected: fields });
  }

  /** Drains a host, as `meercat drain` does. */
  async drain(host: string): Promise<void> {
    await writeOperatorState(this.#client, this.#keys, host, 'drained', this.#signer);
    await publishEvent(this.#client, this.#keys, { kind: 'host-drained', name: host }, this.#signer);
    await this.#wrote(`host:${host}`);
  }

  /** Sets the algorithm of all balancers. */
  async setAlgorithm(algorithm: Algorithm): Promise<void> {
    this.#algorithm = algorithm;
    await writeAlgorithm(this.#client, this.#keys, algorithm, this.#signer);
    await this.#wrote('algorithm');
  }

  /** Sets all of it again, signed with the present key. */
  async setAgain(): Promise<void> {
    await this.drain(DRAINED_HOST);
    if (this.#algorithm !== undefined) await this.setAlgorithm(this.#algorithm);
  }

  async #wrote(field: string): Promise<void> {
    const raw = await this.#client.hget(this.#keys.settings, field);
    if (raw !== null) this.expect({ ...this.expected, [field]: raw });
  }
}

/** The names of hosts that must be up when all is well. */
export const HOST_NAMES: readonly string[] = HOSTS;

/** The host that is drained throughout the run. */
export const DRAINED_HOST = 'h4';

/** Starts everything. What was started is stopped by `shutdown`. */
export async function buildStage(entry: string, history: History, shutdown: Shutdown, random: Random): Promise<Stage> {
  const ended = (process: string): void => history.add({ kind: 'ended', atMs: history.nowMs(), process, lines: [] });
  const redis = await ChaosRedis.start(shutdown, () => ended('Redis'));
  const keys = buildKeys(NAMESPACE);
  const fleetKeys = new FleetKeys(HOSTS, shutdown);
  const hosts: ChaosHost[] = [];
  const posted = new Map<string, string>();
  const onPost = (host: string, path: string): void => {
    const before = posted.get(path);
    posted.set(path, host);
    if (before !== undefined) history.add({ kind: 'repeated', atMs: history.nowMs(), path, hosts: [before, host] });
  };
  for (const name of HOSTS) hosts.push(new ChaosHost(name, await freePort(), onPost, shutdown));
  await Promise.all(hosts.map((host) => host.start()));
  const link = async (port: number): Promise<TcpLink> => {
    const opened = await startTcpLink(port, () => random.below(1000) / 1000);
    shutdown.add(() => opened.close());
    return opened;
  };
  const balancers: ChaosBalancer[] = [];
  for (const name of BALANCERS) {
    const hostLinks = new Map<number, TcpLink>();
    for (const host of hosts) {
      const hostLink = await link(host.port);
      hostLinks.set(host.port, hostLink);
      host.links.push(hostLink);
    }
    const redisLink = await link(redis.port);
    redis.links.push(redisLink);
    const redisUrl = redis.urlOf('balancer', redisLink.port);
    balancers.push(
      await ChaosBalancer.create({ entry, name, redisUrl, redisLink, hostLinks, keyFile: fleetKeys.fleetFile, history, shutdown }),
    );
  }
  const [real] = hosts.slice(2) as [ChaosHost];
  const reported = hosts.filter((host) => host !== real);
  const agents = new PublishedAgents(redis.urlOf('agent'), keys, fleetKeys, reported, shutdown);
  const realAgent = new RealAgent(entry, redis.urlOf('agent'), fleetKeys, real, history, shutdown);
  realAgent.start();
  const operator = new Operator(redis.urlOf('operator'), keys, fleetKeys.operator, history, shutdown);
  const watch = new Watch({ redis, keys, balancers, history });
  shutdown.add(() => watch.stop());
  await Promise.all(balancers.map((each) => each.start()));
  const stranger = async (name: string, keyFile: string): Promise<ChaosBalancer> => {
    const redisUrl = redis.urlOf('balancer');
    const redisLink = await link(redis.port);
    return ChaosBalancer.create({ entry, name, redisUrl, redisLink, hostLinks: new Map(), keyFile, history, shutdown });
  };
  return { redis, keys, fleetKeys, balancers, hosts, agents, realAgent, operator, watch, history, stranger };
}
