// The brackets must do what their comments say, above all: leave nothing behind when the test inside them fails.
// Everything here is real: processes, sockets, directories, Redis.

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, until, withProcess, withRedis, withServer, withTempDir, type TestRedis } from './brackets.js';
import { withSentinel } from './redis-group.js';
import { findRedis } from './redis-server.js';

const test = suite('brackets');

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const rejection = async (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => new Error('it did not reject'),
    (error) => error as Error,
  );

/** Sends one inline command to a Redis and resolves to the first chunk of its answer. */
const ask = (redis: TestRedis, command: string) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect(redis.port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.once('error', reject).once('close', () => reject(new Error('closed without an answer')));
    socket.once('data', (data) => {
      resolve(data.toString().trim());
      socket.destroy();
    });
  });

/** A Node child that runs `script`. */
const node = (script: string, env = {}) => ({ command: process.execPath, args: ['-e', script], env });

test('withRedis hands out an empty Redis and takes it away', async () => {
  const pid = await withRedis(async (redis) => {
    assert.is(redis.url, `redis://127.0.0.1:${redis.port}`);
    assert.is(await ask(redis, 'DBSIZE'), ':0');
    assert.match(await ask(redis, 'CONFIG GET save'), /save\r\n\$0/);
    return redis.pid;
  });
  assert.not(isAlive(pid));
});

test('withRedis takes the Redis away when the function throws', async () => {
  let pid = 0;
  const error = await rejection(
    withRedis((redis) => {
      pid = redis.pid;
      throw new Error('on purpose');
    }),
  );
  assert.is(error.message, 'on purpose');
  assert.not(isAlive(pid));
});

test('a Redis that was restarted is empty and has the same port', () =>
  withRedis(async (redis) => {
    const { pid, port } = redis;
    assert.is(await ask(redis, 'SET a 1'), '+OK');
    await redis.restart();
    assert.is(redis.port, port);
    assert.is.not(redis.pid, pid);
    assert.is(await ask(redis, 'DBSIZE'), ':0');
  }));

test('a Redis that was killed or shut down refuses connections until it is restarted', () =>
  withRedis(async (redis) => {
    for (const end of [redis.kill, redis.shutdown]) {
      await end();
      assert.match((await rejection(ask(redis, 'PING'))).message, /ECONNREFUSED/);
      await redis.restart();
      assert.is(await ask(redis, 'PING'), '+PONG');
    }
  }));

test('a paused Redis answers only when it is resumed, and can be killed while paused', async () => {
  const pid = await withRedis(async (redis) => {
    redis.pause();
    let answer = '';
    const asked = ask(redis, 'PING').then((got) => (answer = got));
    await rejection(until(() => answer, { timeoutMs: 100 }));
    assert.is(answer, '');
    redis.resume();
    assert.is(await asked, '+PONG');
    redis.pause();
    return redis.pid;
  });
  assert.not(isAlive(pid));
});

test('withRedis passes further arguments on', () =>
  withRedis({ args: ['--requirepass', 'x'] }, async (redis) => {
    assert.match(await ask(redis, 'DBSIZE'), /^-NOAUTH/);
  }));

test('withSentinel hands out a group that can fail over', () =>
  withSentinel(async ({ sentinel, servers, masterPort }) => {
    assert.is(await sentinel.call('SENTINEL', 'FAILOVER', 'mymaster'), 'OK');
    await until(async () => (await masterPort()) === servers[1].port, { what: 'the failover' });
  }));

test('a Redis that cannot start is an error that holds its own words', async () => {
  const error = await rejection(withRedis({ args: ['--no-such-option', 'x'] }, () => undefined));
  assert.match(error.message, /cannot start .*no-such-option/s);
});

test('without a redis-server the error names the install command', () => {
  assert.throws(() => findRedis('/nowhere'), /apt-get install redis-server/);
});

test('withTempDir removes the directory and what is in it, also when the function throws', async () => {
  let dir = '';
  await rejection(
    withTempDir(async (given) => {
      dir = given;
      await writeFile(join(dir, 'file'), 'x');
      throw new Error('on purpose');
    }),
  );
  assert.ok(dir);
  assert.not(existsSync(dir));
});

test('freePort gives different ports that can be listened on, with room for the bus of Redis Cluster', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, freePort));
  assert.is(new Set(ports).size, 20);
  assert.ok(ports.every((port) => port > 1024 && port < 50_000));
});

test('until resolves to the first truthy value, and takes a throw as not yet', async () => {
  let looks = 0;
  const value = await until(
    () => {
      if (++looks === 1) throw new Error('too early');
      return looks === 3 && 'ready';
    },
    { everyMs: 1 },
  );
  assert.is(value, 'ready');
});

test('until gives up at the deadline and says what it waited for and what was thrown last', async () => {
  const refuse = () => Promise.reject(new Error('no answer'));
  const error = await rejection(until(refuse, { timeoutMs: 30, what: 'the second slave' }));
  assert.match(error.message, /waited 30 ms for the second slave; last error: no answer/);
});

test('until gives up on a promise that never settles', async () => {
  const error = await rejection(until(() => new Promise(() => undefined), { timeoutMs: 30 }));
  assert.match(error.message, /^waited \d+ ms for /);
});

test('withProcess collects the lines of both streams and the exit', () => {
  const script = 'console.log("out " + process.env.WORD); console.error("err"); process.exitCode = 3;';
  return withProcess(node(script, { WORD: 'hello' }), async (child) => {
    assert.is((await child.waitForLine(/^out (.*)/))[1], 'hello');
    assert.equal(await child.exit, { code: 3, signal: null });
    assert.equal(child.stdout, ['out hello']);
    assert.equal(child.stderr, ['err']);
    assert.is(child.lines.length, 2);
  });
});

test('waitForLine rejects at its deadline and when the process ends first, with the last lines', async () => {
  const late = await rejection(withProcess(node('setInterval(() => {}, 1e6)'), (child) => child.waitForLine(/ready/, 50)));
  assert.match(late.message, /for a line like \/ready\//);
  const dead = await rejection(withProcess(node('console.log("bad luck")'), (child) => child.waitForLine(/ready/)));
  assert.match(dead.message, /ended before.*bad luck/s);
});

test('withProcess ends the process when the function throws', async () => {
  let pid = 0;
  await rejection(
    withProcess(node('setInterval(() => {}, 1e6)'), (child) => {
      pid = child.pid;
      throw new Error('on purpose');
    }),
  );
  assert.ok(pid);
  assert.not(isAlive(pid));
});

test('stop ends a process that ignores SIGTERM', () => {
  const script = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6); console.log("ready")';
  return withProcess(node(script), async (child) => {
    await child.waitForLine(/ready/);
    assert.is((await child.stop(50)).signal, 'SIGKILL');
  });
});

test('withProcess rejects with a clear error when the command does not exist', async () => {
  const error = await rejection(withProcess({ command: '/no/such/command' }, () => undefined));
  assert.match(error.message, /cannot start \/no\/such\/command/);
});

test('withServer closes every connection, so that nothing keeps the test alive', async () => {
  let ended = false;
  const url = await withServer(
    (_request, response) => void response.end('hello'),
    async (server) => {
      assert.is(await (await fetch(server.url)).text(), 'hello');
      const idle = connect(server.port, '127.0.0.1')
        .on('error', () => undefined)
        .on('close', () => (ended = true));
      await until(() => idle.readyState === 'open', { what: 'the connection' });
      return server.url;
    },
  );
  await until(() => ended, { what: 'the idle connection to end' });
  await rejection(fetch(url)).then((error) => assert.match(error.message, /fetch failed/));
});

test.run();
