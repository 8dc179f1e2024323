// The fleet of deploy/compose/compose.yaml without Docker: its services run here by their own command lines and
// variables, with the secrets that the script makes. Only names of containers and ports are replaced.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDuration } from '../../lib/config/config.js';
import { type FleetView, readFleet } from '../../lib/redis/fleet-view.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { freePort, type RunningProcess, until, withProcess, withTempDir } from '../support/brackets.js';
import { COMPOSE_TEXT, type ComposeService, parseCompose, variablesOf, withSecrets } from '../support/compose-file.js';
import { containerProcess, imageCommand, replaceAll, type Replacements } from '../support/container.js';
import { healthCommand } from '../support/dockerfile.js';
import { ask } from '../support/http-client.js';
import { ended } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';
import { findRedis } from '../support/redis-server.js';

const test = suite('compose fleet');

const FILE = parseCompose(COMPOSE_TEXT);
const SLOW_MS = 60_000;

/** Where the containers of a test are. */
interface Places {
  readonly folder: string;
  readonly redis: number;
  readonly replacements: Replacements;
}

const serviceOf = (name: string): ComposeService => {
  const service = FILE.services[name];
  if (service === undefined) throw new Error(`compose.yaml has no service ${name}`);
  return service;
};

/** Where the secrets are that a container sees as /run/secrets/NAME. */
const keyFiles = (folder: string): Record<string, string> =>
  Object.fromEntries(Object.entries(FILE.secrets).map(([name, { file }]) => [`/run/secrets/${name}`, join(folder, file)]));

const commandOf = ({ entrypoint, command }: ComposeService): readonly string[] =>
  entrypoint === undefined ? imageCommand(command) : [...entrypoint, ...(command ?? [])];

function processOf(name: string, places: Places, env: Record<string, string> = {}, args: readonly string[] = []) {
  const service = serviceOf(name);
  const variables = { ...variablesOf(service, places.folder), NAME: service.hostname ?? name, ...env };
  return containerProcess([...commandOf(service), ...args], variables, places.replacements);
}

/** Redis by the service's own arguments, on loopback and a port of the test's. */
function redisProcess({ folder, redis }: Places) {
  const users = join(folder, FILE.secrets['redis-acl']?.file ?? '');
  const [command, ...args] = (serviceOf('redis').command ?? []).map((arg) => replaceAll(arg, { '/run/secrets/redis-acl': users }));
  assert.is(command, 'redis-server');
  return { command: findRedis(), args: [...args, '--port', String(redis), '--bind', '127.0.0.1', '--dir', folder] };
}

/** The exit code of a service's health check. */
async function healthOf(name: string, places: Places, env: Record<string, string> = {}): Promise<number | null> {
  const [kind, ...command] = serviceOf(name).healthcheck?.test ?? ['CMD', ...healthCommand()];
  const shell = command.map((line) => line.replace('redis-cli', `redis-cli -p ${places.redis}`));
  const options = kind === 'CMD-SHELL' ? { command: 'sh', args: ['-c', ...shell] } : containerProcess(command, env, places.replacements);
  return withProcess(options, async (child) => (await ended(child, SLOW_MS)).code);
}

async function isHealthy(name: string, places: Places, env: Record<string, string> = {}): Promise<void> {
  await until(async () => (await healthOf(name, places, env)) === 0, { timeoutMs: SLOW_MS, everyMs: 300, what: `${name} to be healthy` });
}

/** What `docker compose run --rm cli status --json` prints. */
function statusOf(places: Places): Promise<FleetView> {
  return withProcess(processOf('cli', places, {}, ['--json']), async (child) => {
    const { code } = await ended(child, SLOW_MS);
    assert.is(code, 0, child.lines.join('\n'));
    return JSON.parse(child.stdout.join('\n')) as FleetView;
  });
}

/** Both balancers are in the fleet, and the host with its figures. */
function areMeasured({ balancers, hosts: [host] }: FleetView): boolean {
  return balancers.length === 2 && host !== undefined && host.cpu !== null && host.memory !== null && host.cores === 1;
}

/** What a process said that nobody should have to read. */
const complaintsOf = ({ lines }: RunningProcess): string[] => lines.filter((line) => /NOPERM|is not known|"level":"error"/.test(line));

test('the services find each other, serve, are healthy, and stop as the file promises', () =>
  withTempDir(async (dir) => {
    const folder = await withSecrets(dir, 'compose', 'secrets');
    const [redis, app, load, check] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const replacements = {
      '@redis:6379': `@127.0.0.1:${redis}`,
      'host1:3000': `127.0.0.1:${app}`,
      'host1:3001': `127.0.0.1:${load}`,
      ...keyFiles(folder),
      '127.0.0.1:3000': `127.0.0.1:${app}`,
      '127.0.0.1:9777': `127.0.0.1:${check}`,
      '9777': String(check),
    };
    const places: Places = { folder, redis, replacements };
    const balancerEnv = async (): Promise<Record<'MEERCAT_BIND' | 'MEERCAT_PORT' | 'MEERCAT_CONSOLE_PORT', string>> => ({
      MEERCAT_BIND: '127.0.0.1',
      MEERCAT_PORT: String(await freePort()),
      MEERCAT_CONSOLE_PORT: String(await freePort()),
    });
    const [first, second] = [await balancerEnv(), await balancerEnv()];
    const ready = async (): Promise<number> => (await ask(Number(first.MEERCAT_CONSOLE_PORT), { path: '/.meercat/ready' })).status;

    await withProcess(redisProcess(places), async () => {
      await isHealthy('redis', places);
      await withProcess(processOf('balancer1', places, first), (one) =>
        withProcess(processOf('balancer2', places, second), (two) =>
          withProcess(processOf('host1', places, { PORT: String(app), LOAD_PORT: String(load) }), (host) =>
            withProcess(processOf('agent1', places), async (agent) => {
              for (const { MEERCAT_CONSOLE_PORT, MEERCAT_PORT } of [first, second]) {
                await until(async () => (await ask(Number(MEERCAT_CONSOLE_PORT), { path: '/.meercat/ready' })).status === 200, {
                  timeoutMs: SLOW_MS,
                  everyMs: 50,
                  what: 'a balancer to know the host',
                });
                assert.is((await ask(Number(MEERCAT_PORT), { path: '/load' })).body, 'host1\n');
              }
              await isHealthy('balancer1', places, first);
              await isHealthy('balancer2', places, second);
              await isHealthy('host1', places);
              await isHealthy('agent1', places);
              // Polls in this process; the container for commands is asked once.
              const { MEERCAT_REDIS: address = '' } = processOf('cli', places).env ?? {};
              await withClients([address], (client) =>
                until(async () => areMeasured(await readFleet(client, buildKeys('meercat'))), {
                  timeoutMs: SLOW_MS,
                  everyMs: 100,
                  what: 'both balancers, and the figures of the host',
                }),
              );
              const status = await statusOf(places);
              assert.ok(areMeasured(status));
              assert.equal(
                status.hosts.map(({ name, state }) => [name, state]),
                [['host1', 'up']],
              );

              // What is under way is finished, and new requests are served while ready says 503.
              const slow = ask(Number(first.MEERCAT_PORT), { path: '/work?ms=500' });
              await until(
                async () => (await ask(Number(first.MEERCAT_CONSOLE_PORT), { path: '/.meercat/health' })).body.includes('"inflight":1'),
                { what: 'the request to be in flight' },
              );
              one.kill();
              await until(async () => (await ready()) === 503, { what: 'ready to say 503' });
              assert.is((await ask(Number(first.MEERCAT_PORT))).body, 'host1\n');
              assert.is((await slow).body, 'host1\n');
              const graceMs = parseDuration('stop_grace_period', serviceOf('balancer1').stop_grace_period ?? '', 0, SLOW_MS * 10);
              assert.equal(await ended(one, graceMs), { code: 0, signal: null });
              assert.is(await healthOf('balancer1', places, first), 1);
              assert.is((await ask(Number(second.MEERCAT_PORT))).body, 'host1\n');

              // The agent before its host: no request goes there any more.
              agent.kill();
              assert.equal(await ended(agent, SLOW_MS), { code: 0, signal: null });
              await until(async () => (await statusOf(places)).hosts.length === 0, { everyMs: 500, what: 'the host to leave' });
              host.kill();
              assert.equal(await ended(host, SLOW_MS), { code: 0, signal: null });
              for (const each of [one, two, agent]) assert.equal(complaintsOf(each), []);
            }),
          ),
        ),
      );
    });
    assert.is.not(await healthOf('redis', places), 0);
  }));

test.run();
