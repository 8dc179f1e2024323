// A real redis-server (or valkey-server) for one test: on loopback, on a free port, without persistence.
// Whatever the test does with it, it is gone afterwards, and its directory too.

import { accessSync, constants } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { freePort, withTempDir } from './places.js';
import { startProcess, type RunningProcess } from './processes.js';
import { until } from './until.js';

/** A real Redis of the test's own, empty at first. */
export interface TestRedis {
  /** `redis://127.0.0.1:PORT`; a password that `args` set is not part of it. */
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** Ends it at once (SIGKILL), as in a crash; resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it in good order (SIGTERM); resolves when it is gone. */
  shutdown(): Promise<void>;
  /** Ends it if it still runs and starts it again, empty, on the same port; resolves when it answers. */
  restart(): Promise<void>;
  /** Freezes it (SIGSTOP): connections stay open and nothing answers. */
  pause(): void;
  /** Lets a frozen one go on (SIGCONT). */
  resume(): void;
}

/** Options of {@link withRedis}. */
export interface RedisOptions {
  /** Further arguments of redis-server, such as `['--requirepass', 'x']`. */
  readonly args?: readonly string[];
}

type UseRedis<T> = (redis: TestRedis) => T | Promise<T>;

/** Starts a Redis, hands it out when it answers PING, and kills it afterwards. Rejects with the install command when there is none. */
export function withRedis<T>(fn: UseRedis<T>): Promise<T>;
export function withRedis<T>(options: RedisOptions, fn: UseRedis<T>): Promise<T>;
export function withRedis<T>(first: RedisOptions | UseRedis<T>, second?: UseRedis<T>): Promise<T> {
  const [options, fn] = typeof first === 'function' ? [{}, first] : [first, second as UseRedis<T>];
  return withTempDir(async (dir) => {
    const command = findRedis();
    const start = (port: number) => startRedis(command, port, dir, options.args ?? []);
    const { port, child: started } = await startOnFreePort(start);
    let child = started;
    const redis: TestRedis = {
      url: `redis://127.0.0.1:${port}`,
      port,
      get pid() {
        return child.pid;
      },
      async kill() {
        child.kill('SIGKILL');
        await child.exit;
      },
      async shutdown() {
        await child.stop();
      },
      async restart() {
        await redis.kill();
        child = await start(port);
      },
      pause: () => child.kill('SIGSTOP'),
      resume: () => child.kill('SIGCONT'),
    };
    try {
      return await fn(redis);
    } finally {
      await redis.kill();
    }
  });
}

/** The full path of redis-server, else of valkey-server, on `path`; throws an error that names the install command. */
export function findRedis(path = process.env['PATH'] ?? ''): string {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const dir of path.split(delimiter).filter(Boolean)) {
      const file = join(dir, name);
      if (isExecutable(file)) return file;
    }
  }
  throw new Error(
    'these tests need a real Redis, and neither redis-server nor valkey-server is on the PATH; ' +
      'install one: apt-get install redis-server (Debian, Ubuntu) or brew install redis (macOS)',
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function startOnFreePort(start: (port: number) => Promise<RunningProcess>) {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      return { port, child: await start(port) };
    } catch (thrown) {
      const isTaken = String(thrown).includes('Address already in use');
      if (!isTaken || attempt === 5) throw thrown;
    }
  }
}

async function startRedis(command: string, port: number, dir: string, extra: readonly string[]): Promise<RunningProcess> {
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir, ...extra];
  const child = await startProcess({ command, args });
  let ended = false;
  void child.exit.then(() => (ended = true));
  try {
    await until(async () => ended || (await doesAnswer(port)), { timeoutMs: 10_000, what: `${command} to answer PING` });
    if (ended) throw new Error('it ended at once');
    return child;
  } catch (thrown) {
    child.kill('SIGKILL');
    await child.exit;
    throw new Error(`cannot start ${command} on port ${port}: ${(thrown as Error).message}\n${child.lines.join('\n')}`, { cause: thrown });
  }
}

/** True when a Redis answers; that it asks for a password is an answer too. False while it still loads. */
function doesAnswer(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('data', (data) => {
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString()));
      socket.destroy();
    });
    socket.once('error', () => resolve(false)).once('close', () => resolve(false));
  });
}

/** Whether the Redis in JavaScript is installed here: it is an optional dependency, which npm leaves out on Node.js 20. */
export function hasEmbeddedRedis(): boolean {
  try {
    import.meta.resolve('js-redis-server');
    return true;
  } catch {
    return false;
  }
}
