// Notifications to the service manager and their order, and that they can neither delay nor fail the process nor outlive
// it: the program can be missing, fail or hang, and the address can be invalid.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogFields } from '../lib/log.js';
import { openServiceManager } from '../lib/service-manager.js';
import { until, withRedis, withServer } from './support/brackets.js';
import { NO_REDIS } from './support/fleet.js';
import { freePortsInRow, isAlive } from './support/fleet-process.js';
import { withGroup } from './support/group-process.js';
import { ended, logOf, withMeercat } from './support/meercat.js';
import { type NotifyReceiver, withFakeNotify, withRealNotify } from './support/notify-receiver.js';

const test = suite('service manager');

/** A log that records its lines. */
function keptLog(): {
  readonly log: Parameters<typeof openServiceManager>[0];
  readonly lines: (LogFields & { level: string; message: string })[];
} {
  const lines: (LogFields & { level: string; message: string })[] = [];
  return { log: (level, message, fields = {}) => void lines.push({ level, message, ...fields }), lines };
}

const envOf = ({ env }: NotifyReceiver): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], ...env });

/** The first assignment of each message: `READY=1`. */
const firsts = async ({ messages }: NotifyReceiver): Promise<(string | undefined)[]> => (await messages()).map(([first]) => first);

test('ready and stopping are sent in this order, each with its status on one line', () =>
  withFakeNotify(async (receiver) => {
    const { log, lines } = keptLog();
    const manager = openServiceManager(log, envOf(receiver));
    manager.ready('serving\nMAINPID=1\0 \u0085on port 8080');
    await receiver.heard('READY=1');
    manager.stopping('draining');
    await receiver.heard('STOPPING=1');
    manager.ready('never after it has begun to stop');
    await until(() => lines.length === 2, { what: 'both to be logged' });
    assert.equal(await receiver.messages(), [
      ['READY=1', 'STATUS=serving MAINPID=1 on port 8080'],
      ['STOPPING=1', 'STATUS=draining'],
    ]);
    assert.ok(lines.every(({ level }) => level === 'debug'));
  }));

test('a process that stops while its ready notification is pending sends that first, and nothing twice', () =>
  withFakeNotify(async (receiver) => {
    const { log, lines } = keptLog();
    const manager = openServiceManager(log, envOf(receiver));
    manager.ready('serving');
    manager.stopping('draining');
    manager.stopping('draining still');
    await until(() => lines.length === 2, { what: 'both to be logged' });
    assert.equal(await receiver.messages(), [
      ['READY=1', 'STATUS=serving'],
      ['STOPPING=1', 'STATUS=draining still'],
    ]);
  }, 'sleep 0.2'));

test('the variable is removed from the environment, and without it nothing is run', () =>
  withFakeNotify(async (receiver) => {
    const env = envOf(receiver);
    openServiceManager(() => undefined, env);
    assert.not('NOTIFY_SOCKET' in env);
    openServiceManager(() => undefined, env).ready('serving');
    const other = openServiceManager(() => undefined, envOf(receiver));
    other.ready('serving');
    await receiver.heard('READY=1');
    assert.equal(await firsts(receiver), ['READY=1']);
  }));

const HOSTILE: readonly string[] = [
  'relative/path',
  '/',
  '@',
  '-h',
  '/run/a b',
  '/run/\nREADY=1',
  '/run/\0x',
  '/run/é',
  `/${'x'.repeat(107)}`,
  'vsock:2:1234',
  '$(touch /x)',
];

test('an invalid address is ignored and logged; a valid one is passed unchanged', () =>
  withFakeNotify(async (receiver) => {
    for (const value of HOSTILE) {
      const { log, lines } = keptLog();
      openServiceManager(log, { ...envOf(receiver), NOTIFY_SOCKET: value }).ready('serving');
      assert.is(lines.length, 1, value);
      assert.is(lines[0]?.level, 'warn', value);
      assert.match(lines[0]?.message as string, 'NOTIFY_SOCKET');
    }
    const good = ['@abstract/name', `/${'x'.repeat(106)}`, '/run/$(touch-x);`y`'];
    for (const value of good) openServiceManager(() => undefined, { ...envOf(receiver), NOTIFY_SOCKET: value }).ready('serving');
    const record = join(receiver.socket, '../messages');
    const lines = async (): Promise<string[]> => (await readFile(record, 'utf8')).split('\n').filter(Boolean);
    await until(async () => (await lines()).length === good.length, { what: 'the good ones to be used' });
    assert.equal((await lines()).map((line) => line.split('\t')[0]).toSorted(), good.toSorted());
  }));

test('a program that is missing, that fails, or that hangs costs one warning and nothing else', async () => {
  const missing = keptLog();
  openServiceManager(missing.log, { PATH: '/nowhere', NOTIFY_SOCKET: '/run/x' }).ready('serving');
  await until(() => missing.lines.length > 0, { what: 'the warning' });
  assert.match(String(missing.lines[0]?.['reason']), 'ENOENT');
  assert.match(String(missing.lines[0]?.['hint']), 'Type=exec');

  await withFakeNotify(async (receiver) => {
    const { log, lines } = keptLog();
    openServiceManager(log, envOf(receiver)).ready('serving');
    await until(() => lines.length > 0, { what: 'the warning' });
    assert.is(lines[0]?.['reason'], 'no such manager');
  }, 'echo no such manager >&2; exit 3');

  await withFakeNotify(async (receiver) => {
    const { log, lines } = keptLog();
    const manager = openServiceManager(log, envOf(receiver), { timeoutMs: 300 });
    manager.ready('serving');
    const pid = Number(await until(() => readFile(join(receiver.socket, '../pid'), 'utf8'), { what: 'its pid' }));
    await until(() => lines.length > 0, { what: 'the warning' });
    assert.match(String(lines[0]?.['reason']), '300 ms');
    await until(() => !isAlive(pid), { what: 'it to be killed' });
    // Later notifications are still sent.
    manager.stopping('draining');
    await receiver.heard('STOPPING=1');
  }, '[ "$1" = READY=1 ] || exit 0; echo $$ > "$DIR/pid.new"; mv "$DIR/pid.new" "$DIR/pid"; exec sleep 60');
});

const balancerFlags = async (more: readonly string[] = []): Promise<string[]> => [
  ...['balancer', '--redis', NO_REDIS, '--bind', '127.0.0.1', '--port', String(await freePortsInRow(1))],
  ...['--host', 'http://127.0.0.1:1', ...more],
];

test('a real systemd-notify delivers the messages of an agent to a real socket: it is ready once it reports', async () => {
  // Those of a balancer: deploy/systemd-run.test.ts.
  const isDone = await withRealNotify((receiver) => isAgentReady(receiver));
  if (isDone === null) await withFakeNotify((receiver) => isAgentReady(receiver));
});

function isAgentReady(receiver: NotifyReceiver): Promise<void> {
  return withMeercat(
    ['agent', '--redis', NO_REDIS, '--url', 'http://127.0.0.1:1', '--name', 'h1'],
    async (child) => {
      await receiver.heard('READY=1');
      await receiver.heard('STATUS=reporting h1');
      child.kill();
      assert.is((await ended(child, 20_000)).code, 0);
      assert.equal((await firsts(receiver))[0], 'READY=1');
      assert.is(logOf(child).filter(({ msg }) => String(msg).includes('systemd-notify')).length, 0);
    },
    receiver.env,
  );
}

test('a balancer is ready once it accepts requests, notifies its stop, and kills a hanging systemd-notify on exit', () =>
  withFakeNotify(async (receiver) => {
    await withMeercat(
      await balancerFlags(),
      async (child) => {
        await receiver.heard('READY=1');
        assert.ok(logOf(child).some(({ msg }) => msg === 'serving'));
        const pid = Number(await until(() => readFile(join(receiver.socket, '../pid'), 'utf8'), { what: 'its pid' }));
        assert.ok(isAlive(pid));
        child.kill();
        assert.is((await ended(child, 20_000)).code, 0);
        await until(() => !isAlive(pid), { timeoutMs: 5000, what: 'it to be gone with the balancer' });
      },
      receiver.env,
    );
  }, 'echo $$ > "$DIR/pid.new"; mv "$DIR/pid.new" "$DIR/pid"; exec sleep 600'));

test('a balancer whose start fails never notifies ready', () =>
  withFakeNotify((receiver) =>
    withServer(
      (_request, response) => response.end(),
      async ({ port }) => {
        const flags = [
          ...(await balancerFlags()).filter((_, i, all) => all[i] !== '--port' && all[i - 1] !== '--port'),
          '--port',
          String(port),
        ];
        await withMeercat(flags, async (child) => assert.is((await ended(child, 20_000)).code, 1), receiver.env);
        assert.not((await firsts(receiver)).includes('READY=1'));
      },
    ),
  ));

test('of several processes only the parent notifies, once all of them serve', () =>
  withRedis((redis) =>
    withFakeNotify(async (receiver) => {
      await withGroup({ redis: redis.url, env: { ...receiver.env, MEERCAT_DRAIN_TIMEOUT: '2s' } }, async (group) => {
        await receiver.heard('READY=1');
        assert.is(group.log('serving').length, 2);
        await receiver.heard(`STATUS=2 processes serving on port ${group.port}`);
        // A restarted process does not notify either.
        process.kill(group.pids()[0] as number, 'SIGKILL');
        await group.served(3);
        assert.equal(await firsts(receiver), ['READY=1']);
        for (const pid of group.pids())
          assert.not((await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).includes('NOTIFY_SOCKET='), `process ${pid}`);
      });
      assert.equal(await firsts(receiver), ['READY=1', 'STOPPING=1']);
    }),
  ));

test.run();
