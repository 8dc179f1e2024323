// The image of deploy/compose/Dockerfile without Docker: the file is checked by the validator that editors use, its
// build is followed step by step in a folder, and what comes out runs as in a container: as process 1, without
// rights, where this machine lets a test do that.

import { readdirSync, readFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { validate } from 'dockerfile-utils';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, type RunningProcess, until, withProcess, withServer, withTempDir } from '../support/brackets.js';
import { buildImage, CONTEXT, DOCKERFILE, healthCommand, isIgnored, lastStep, readStages, stagesOf } from '../support/dockerfile.js';
import { ask } from '../support/http-client.js';
import { ended, logOf } from '../support/meercat.js';

const test = suite('docker image');

const TEXT = readFileSync(join(CONTEXT, DOCKERFILE), 'utf8');
const IGNORE = readFileSync(join(CONTEXT, '.dockerignore'), 'utf8');
const SLOW_MS = 30_000;

const faultsOf = (text: string): string[] => validate(text).map(({ message, range }) => `${range.start.line + 1}: ${message}`);

test('the Dockerfile is valid, and the validator finds what is not', () => {
  assert.equal(faultsOf(TEXT), []);
  for (const [from, to] of [
    ['COPY bin ./bin', 'COPY --form=x bin ./bin'],
    ['EXPOSE 8080', 'EXPOSE http'],
    ['WORKDIR /app', 'WORKDIRS /app'],
    ['--interval=10s', '--interval=10'],
  ] as const)
    assert.is(faultsOf(TEXT.replace(from, to)).length, 1, to);
});

test('the image runs as a plain user, without a shell between it and its signals', () => {
  assert.match(lastStep('USER').args[0] as string, /^[1-9]\d*:[1-9]\d*$/);
  assert.equal(lastStep('STOPSIGNAL').args, ['SIGTERM']);
  for (const keyword of ['ENTRYPOINT', 'CMD']) assert.ok(lastStep(keyword).isExec, keyword);
  assert.equal(healthCommand(), ['node', '/app/healthcheck.mjs']);
  const [image] = stagesOf('FROM x\nENTRYPOINT node y').slice(-1);
  assert.not.ok(image?.steps[0]?.isExec);
});

test('no stage starts from an image without a version, and only the last one is the image', () => {
  for (const { image } of readStages()) assert.match(image, /:\d|\/nodejs\d+-debian\d+$/, image);
  assert.ok(readStages().length > 1);
});

test('nothing reaches the builder but what the Dockerfile copies', () => {
  for (const path of ['.git/config', 'node_modules/yaml/package.json', 'deploy/compose/secrets/redis.acl', 'test/run.ts', '.env'])
    assert.ok(isIgnored(path, IGNORE), path);
  for (const { steps } of readStages())
    for (const { keyword, flags, args } of steps)
      if (keyword === 'COPY' && flags['from'] === undefined)
        for (const source of args.slice(0, -1)) assert.not.ok(isIgnored(source, IGNORE), source);
});

/** What starts a process as a container does: as process 1 of its own, a plain user without rights. Empty where that is not allowed. */
function asContainer(): string[] {
  const user = lastStep('USER').args[0]?.split(':') as [string, string];
  const prefix = ['unshare', '--pid', '--fork', '--kill-child'];
  const plain = ['setpriv', `--reuid=${user[0]}`, `--regid=${user[1]}`, '--clear-groups', '--bounding-set=-all', '--no-new-privs'];
  const works = (command: readonly string[]) =>
    spawnSync(command[0] as string, [...command.slice(1), process.execPath, '-e', '']).status === 0;
  return [[...prefix, ...plain], prefix].find(works) ?? [];
}

/** Sends a signal to the innermost process: unshare only waits for it. */
async function signalInside(child: RunningProcess, prefix: readonly string[], signal: NodeJS.Signals): Promise<void> {
  if (prefix.length === 0) return child.kill(signal);
  const inner = await until(() => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim(), {
    what: 'the process inside',
  });
  process.kill(Number(inner.split(' ')[0]), signal);
}

const filesIn = (folder: string): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).toSorted();

test('the image is built from what is copied, serves as process 1, writes no file, and drains on its stop signal', () =>
  withTempDir((root) =>
    withServer(
      (request, response) => void setTimeout(() => response.end('hello'), request.url === '/slow' ? 1000 : 0),
      async (host) => {
        const image = await buildImage(root);
        await chmod(root, 0o755);
        const app = join(image, lastStep('WORKDIR').args[0] as string);
        const before = filesIn(image);
        assert.not.ok(
          before.some(
            (file) => /typescript|biome|\.ts$|^app\/test/.test(file) && !file.endsWith('.d.ts') && !/node_modules\/.*\.ts$/.test(file),
          ),
          'nothing that only a build needs',
        );

        const inImage = (path: string): string =>
          path === 'node' ? process.execPath : path.startsWith('/app/') ? join(image, path) : path;
        const command = [...lastStep('ENTRYPOINT').args, ...lastStep('CMD').args].map(inImage);
        const [port, consolePort] = [await freePort(), await freePort()];
        const env = {
          NODE_ENV: 'production',
          MEERCAT_REDIS: 'redis://127.0.0.1:1',
          MEERCAT_BIND: '127.0.0.1',
          MEERCAT_PORT: String(port),
          MEERCAT_CONSOLE_PORT: String(consolePort),
          MEERCAT_HOST: `${host.url},name=h1`,
        };
        const prefix = asContainer();
        const [first = '', ...args] = [...prefix, ...command];
        await withProcess({ command: first, args, env, cwd: app }, async (child) => {
          await until(async () => (await ask(consolePort, { path: '/.meercat/ready' })).status === 200, {
            timeoutMs: SLOW_MS,
            what: () => `ready; ${child.lines.join('\n')}`,
          });
          const health = healthCommand().map(inImage);
          const check = () => withProcess({ command: health[0] as string, args: health.slice(1), env }, (each) => ended(each, SLOW_MS));
          assert.is((await check()).code, 0);

          const slow = ask(port, { path: '/slow' });
          await until(async () => (await ask(consolePort, { path: '/.meercat/health' })).body.includes('"inflight":1'), {
            what: 'the request',
          });
          await signalInside(child, prefix, lastStep('STOPSIGNAL').args[0] as NodeJS.Signals);
          assert.is((await slow).body, 'hello');
          assert.equal(await ended(child, SLOW_MS), { code: 0, signal: null });
          assert.ok(logOf(child).some(({ msg }) => msg === 'stopping'));
          assert.is((await check()).code, 1, 'the health check of what has stopped');
        });
        assert.equal(filesIn(image), before);
      },
    ),
  ));

test('the build fails when .dockerignore leaves out what it copies', () =>
  withTempDir(async (root) => {
    const failure = await buildImage(root, IGNORE.replace('!lib\n', '')).catch((error: Error) => error.message);
    assert.is(failure, "COPY lib: not in the build's context");
  }));

test.run();
