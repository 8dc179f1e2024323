// Output that nobody reads, or that can't be written: commands that print end without a word, a fleet that was started
// to be looked at stops in order, and what serves goes on. Pipes of a shell, as people have them.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withRedis, withServer, withTempDir } from './support/brackets.js';
import { freePortsInRow, isAlive } from './support/fleet-process.js';
import { freePort } from './support/places.js';
import { ENTRY, inLanes } from './support/meercat.js';
import { withClients } from './support/redis-client.js';

const test = suite('closed output');

interface Ended {
  readonly code: number;
  /** What its error output was, where that was not what was closed. */
  readonly errors: string;
}

/** Runs `meercat ARGS` with this of a shell behind it, and waits for both. */
function behind(args: string, rest: string): Promise<Ended> {
  return withTempDir(
    (dir) =>
      new Promise((resolve, reject) => {
        const script = `{ "$NODE" "$ENTRY" ${args}; echo $? >"$DIR/code"; } ${rest}`;
        const env = { ...process.env, NODE: process.execPath, ENTRY, DIR: dir, ERRORS: join(dir, 'errors') };
        writeFileSync(env.ERRORS, '');
        execFile('sh', ['-c', script], { env, timeout: 60_000, killSignal: 'SIGKILL' }, (error) => {
          if (error !== null) return reject(error);
          resolve({ code: Number(readFileSync(join(dir, 'code'), 'utf8')), errors: readFileSync(env.ERRORS, 'utf8') });
        });
      }),
  );
}

const ONE_LINE = '2>"$ERRORS" | head -1 >/dev/null';
const NO_ERRORS = '2>&1 >/dev/null | :';

test('a command that prints ends well and without a word when its reader has enough', () =>
  withRedis(({ url }) =>
    withClients([url], async (client) => {
      await client.zadd('meercat:balancers', 1, 'b1');
      await client.hset('meercat:balancer:b1', 'role', 'slave');
      const commands = ['balancer --help', `status --watch --json --redis ${url}`, `status --watch --redis ${url}`];
      await inLanes(commands, async (command) => {
        assert.equal(await behind(command, ONE_LINE), { code: 0, errors: '' }, command);
      });
    }),
  ));

test('without a reader of its errors a command does what it is asked to, and ends with the same code', () =>
  withTempDir(async (dir) => {
    const [scenario, file] = [join(dir, 'tiny.json'), join(dir, 'a.json')];
    writeFileSync(scenario, JSON.stringify({ name: 'tiny', hosts: [{ count: 2 }], warmUp: '100ms', duration: '200ms', balancers: [1] }));
    const commands = [
      ['nope', 2],
      ['status --redis redis://127.0.0.1:1', 1],
      [`simulate ${scenario} --load 0.5 --policies adaptive --json ${file}`, 0],
    ] as const;
    await inLanes(commands, async ([command, code]) => assert.is((await behind(command, NO_ERRORS)).code, code, command));
    assert.match(readFileSync(file, 'utf8'), /^\{"simulate":"tiny"/);
  }));

test('an output that can’t be written is one line and exit code 1', async () => {
  const { code, errors } = await behind('--help', '2>"$ERRORS" >/dev/full');
  assert.equal([code, errors], [1, "meercat: the output can't be written: its file system is full\n"]);
});

test('`up` stops its fleet in order when nobody reads its output any more', () =>
  withRedis(({ url }) =>
    withClients([url], async (client) => {
      const port = await freePortsInRow(1);
      const events: string[] = [];
      await withClients([url], async (listener) => {
        await listener.subscribe('closed:events');
        listener.on('message', (_channel: string, text: string) => {
          const { event, name, detail } = JSON.parse(text) as { event: string; name: string; detail?: string };
          events.push(`${event} ${name} ${detail ?? ''}`.trim());
        });
        const up = `up --balancers 1 --hosts 1 --port ${port} --redis ${url} --namespace closed`;
        const { code, errors } = await behind(up, ONE_LINE);
        assert.equal(
          [code, errors],
          [0, 'meercat: starting the fleet …\nmeercat: nobody reads the output any more: stopping the fleet …\n'],
        );
        assert.ok(events.includes('balancer-left b1 stopped'), events.join('\n'));
        assert.equal(await client.zrange('closed:balancers', '0', '-1'), []);
      });
    }),
  ));

// Both outputs are closed from the beginning; the shell tells the process's number.
test('a balancer and an agent go on without a reader, and stop in order', () =>
  withServer(
    (_request, response) => void response.end('hello'),
    async (host) => {
      const port = await freePort();
      const flags = `--redis redis://127.0.0.1:1 --host ${host.url} --bind 127.0.0.1 --port ${port} --access-log json --log-level debug`;
      await withPid(async (pidFile) => {
        const ending = behind(`balancer ${flags} & echo $! >"${pidFile}"; wait $!`, '2>&1 | :');
        const body = await until(
          () =>
            fetch(`http://127.0.0.1:${port}/`).then(
              (answer) => answer.text(),
              () => undefined,
            ),
          { everyMs: 100, what: 'the balancer to serve' },
        );
        assert.is(body, 'hello');
        for (let i = 0; i < 50; i++) assert.is(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'hello');
        const pid = Number(readFileSync(pidFile, 'utf8'));
        assert.ok(isAlive(pid));
        process.kill(pid, 'SIGTERM');
        assert.is((await ending).code, 0);
      });
      await withPid(async (pidFile) => {
        await withRedis(({ url }) =>
          withClients([url], async (client) => {
            let reports = 0;
            await client.subscribe('meercat:reports');
            client.on('message', () => reports++);
            const agent = `agent --redis ${url} --url ${host.url} --interval 100ms --log-level debug`;
            const ending = behind(`${agent} & echo $! >"${pidFile}"; wait $!`, '2>&1 | :');
            await until(() => reports >= 3, { everyMs: 50, what: 'three reports' });
            process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM');
            assert.is((await ending).code, 0);
          }),
        );
      });
    },
  ));

function withPid(fn: (pidFile: string) => Promise<void>): Promise<void> {
  return withTempDir((dir) => fn(join(dir, 'pid')));
}

test.run();
