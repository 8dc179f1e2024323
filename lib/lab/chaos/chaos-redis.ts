// The Redis of a chaos run: a real one with the users of deploy/redis/meercat.acl, so that each role may do what it may
// do in production. It can be killed, emptied, restored from a dump, frozen, and made to refuse.

import { createHash, randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MeercatError } from '../../errors.js';
import { parseRedisAddress } from '../../redis/address.js';
import { type Commands, connectOnce, openCommands } from '../../redis/connect.js';
import { createRunFolder } from '../../run-folder.js';
import type { Shutdown } from '../../shutdown.js';
import { findRedisServer } from '../../up/local-server.js';
import { freePort, type LabProcess, startProgram } from '../processes.js';
import type { TcpLink } from '../tcp-link.js';
import { freezeProcess } from './frozen.js';

const START_TIMEOUT_MS = 20_000;

const ACL_FILE = fileURLToPath(new URL('../../../../deploy/redis/meercat.acl', import.meta.url));

/** The user of each role. */
const USERS = { balancer: 'meercat-balancer', agent: 'meercat-agent', operator: 'meercat-operator', admin: 'admin' } as const;

/** A role in Redis. */
export type RedisUser = keyof typeof USERS;

/** A Redis, started again and again on one port. */
export class ChaosRedis {
  readonly port: number;
  /** Connected as admin: what the run itself reads and does. */
  readonly admin: Commands;
  /** The links to it: they refuse connections while it is dead, since a forwarder would accept them. */
  readonly links: TcpLink[] = [];
  readonly #shutdown: Shutdown;
  readonly #dir: string;
  readonly #password: string;
  #process: LabProcess | undefined;
  /** True while it ends intentionally. */
  #isEnding = false;
  readonly #onEnd: () => void;

  private constructor(port: number, shutdown: Shutdown, onEnd: () => void) {
    this.port = port;
    this.#shutdown = shutdown;
    this.#onEnd = onEnd;
    const folder = createRunFolder('chaos');
    this.#dir = folder.path;
    shutdown.add(() => folder.remove());
    this.#password = randomBytes(12).toString('hex');
    writeFileSync(join(this.#dir, 'users.acl'), this.#users());
    this.admin = openCommands(parseRedisAddress(this.urlOf('admin')));
    shutdown.add(() => this.admin.disconnect());
  }

  /** Starts one. `onEnd` is called if it ends by itself. Rejects with MEERCAT_NO_REDIS if there is none that can be used. */
  static async start(shutdown: Shutdown, onEnd: () => void): Promise<ChaosRedis> {
    const redis = new ChaosRedis(await freePort(), shutdown, onEnd);
    await redis.start();
    return redis;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** The address for a user, directly or through a link's port. */
  urlOf(user: RedisUser, port = this.port): string {
    return `redis://${USERS[user]}:${this.#passwordOf(USERS[user])}@127.0.0.1:${port}`;
  }

  /** Kills it (SIGKILL); resolves when it is gone. */
  async kill(): Promise<void> {
    this.#isEnding = true;
    this.#process?.kill('SIGKILL');
    await this.#process?.exited;
    await Promise.all(this.links.map((link) => link.become({ isRefusing: true })));
  }

  /** Starts it, empty or from a dump that {@link dump} made; resolves when it answers. */
  async start(dump?: string): Promise<void> {
    const command = findRedisServer();
    if (command === undefined)
      throw new MeercatError('MEERCAT_NO_REDIS', 'bench chaos needs a real Redis: install it (Debian: apt-get install redis-server)');
    const file = join(this.#dir, 'dump.rdb');
    rmSync(file, { force: true });
    if (dump !== undefined) copyFileSync(dump, file);
    this.#isEnding = false;
    const listening = ['--port', String(this.port), '--bind', '127.0.0.1', '--aclfile', join(this.#dir, 'users.acl')];
    const storing = ['--save', '', '--appendonly', 'no', '--dir', this.#dir, '--repl-diskless-load', 'swapdb'];
    const started = await startProgram(command, [...listening, ...storing], { core: null, shutdown: this.#shutdown });
    this.#process = started;
    void started.exited.then(() => this.#isEnding || this.#process !== started || this.#onEnd());
    const client = await connectOnce(parseRedisAddress(this.urlOf('admin')), START_TIMEOUT_MS).catch((error: unknown) => {
      throw new MeercatError('MEERCAT_NO_REDIS', `${command} did not start with the users of deploy/redis/meercat.acl (Redis 7 or later)`, {
        cause: error,
      });
    });
    client.disconnect();
    await Promise.all(this.links.map((link) => link.become({})));
  }

  /** Writes its data to a file and returns it. */
  async dump(): Promise<string> {
    await this.admin.save();
    const copy = join(this.#dir, 'old.rdb');
    if (!existsSync(join(this.#dir, 'dump.rdb'))) throw new MeercatError('MEERCAT_START_FAILED', 'Redis wrote no dump');
    copyFileSync(join(this.#dir, 'dump.rdb'), copy);
    return copy;
  }

  /** Freezes it; resolves with what lets it go on. */
  freeze(): Promise<() => Promise<void>> {
    return freezeProcess(this.#process?.pid ?? 0);
  }

  /** Stops it at the end. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    await this.#process?.stop();
  }

  #passwordOf(user: string): string {
    return `${user}-${this.#password}`;
  }

  #users(): string {
    return readFileSync(ACL_FILE, 'utf8').replace(/^user (\S+) (.*)#[A-Z]+_SHA256/gm, (_, user: string, before: string) => {
      const hash = createHash('sha256').update(this.#passwordOf(user)).digest('hex');
      return `user ${user} ${before}#${hash}`;
    });
  }
}
