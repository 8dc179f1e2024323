// deploy/compose/compose.yaml as a file: a linter with the Compose specification's schema, our own rules, and that its parts
// fit each other and the rest of the repository. What would be wrong is shown to be found.

import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withProcess, withTempDir } from '../support/brackets.js';
import { COMPOSE_TEXT, composeFaults, parseCompose, variablesOf, withSecrets } from '../support/compose-file.js';
import { parseVariables } from '../support/container.js';
import { CONTEXT, healthCommand } from '../support/dockerfile.js';
import { ended } from '../support/meercat.js';

const test = suite('compose file');

const FILE = parseCompose(COMPOSE_TEXT);
const VERSION = (JSON.parse(readFileSync(join(CONTEXT, 'package.json'), 'utf8')) as { version: string }).version;
const PAGE = readFileSync(join(CONTEXT, 'deploy/compose/README.md'), 'utf8');

const LINTER = join(CONTEXT, 'node_modules/dclint/bin/dclint.cjs');
/** The order of keys is ours: what belongs together stands together. */
const OWN_TASTE = [
  'service-keys-order',
  'services-alphabetical-order',
  'service-dependencies-alphabetical-order',
  'top-level-properties-order',
];

interface Linted {
  readonly messages: readonly { readonly rule: string; readonly line: number; readonly message: string }[];
}

/** What the linter, and the schema of the Compose specification that it has, say of each text. */
function lintFaults(texts: readonly string[]): Promise<string[][]> {
  return withTempDir(async (dir) => {
    const files = texts.map((text, i) => {
      const file = join(dir, `${i}.yaml`);
      // It does not fill in variables.
      writeFileSync(file, text.replaceAll(/"\$\{\w+:-([^}]*)\}([^"]*)"/g, "'$1$2'"));
      return file;
    });
    const args = [LINTER, ...files, '--formatter', 'json', '--disable-rule', ...OWN_TASTE];
    return withProcess({ command: process.execPath, args }, async (child) => {
      await ended(child, 60_000);
      const results = JSON.parse(child.stdout.join('\n')) as (Linted & { readonly filePath: string })[];
      return files.map((file) =>
        (results.find(({ filePath }) => filePath === file)?.messages ?? []).map(({ rule, line, message }) => `${line} ${rule}: ${message}`),
      );
    });
  });
}

test('the linter for Compose files, with its schema, has nothing to say, and finds what is wrong', async () => {
  const broken = [
    ['read_only: true', 'readonly: true'],
    ['condition: service_healthy', 'condition: service_well'],
    ['internal: true', 'internal: [1]'],
    ['stop_grace_period: 60s', 'stop_grace_period: [60s]'],
  ] as const;
  const [own, ...others] = await lintFaults([COMPOSE_TEXT, ...broken.map(([from, to]) => COMPOSE_TEXT.replace(from, to))]);
  assert.equal(own, []);
  for (const [i, faults] of others.entries()) assert.ok(faults.length > 0, broken[i]?.[1]);
});

const BROKEN: readonly (readonly [from: string, to: string, fault: RegExp])[] = [
  ['read_only: true', 'read_only: false', /^balancer1: its root file system/],
  ['cap_drop: [ALL]', 'cap_drop: []', /^host3: it keeps capabilities/],
  ['"no-new-privileges:true"', '"label:disable"', /^agent2: it can gain/],
  ['mem_limit: 512m', 'init: false', /^balancer2: it has no limit/],
  ['stop_grace_period: 60s', 'stop_grace_period: 35s', /^balancer3: it is killed before/],
  ['MEERCAT_DRAIN_TIMEOUT: 30s', 'MEERCAT_DRAIN_TIMEOUT: 2m', /^balancer1: it is killed before/],
  ['stop_grace_period: 15s', 'init: false', /^agent1: it does not say/],
  ['image: redis:7.4-bookworm', 'image: redis', /^redis: its image has no version/],
  ['user: "999:999"', 'user: root', /^redis: it runs as root/],
  ['BIND:-127.0.0.1', 'BIND:-0.0.0.0', /^balancer1: port 0\.0\.0\.0:8080:8080 is not/],
  ['networks: [front, hosts, redis, watch]', 'networks: [front, host, redis, watch]', /^balancer1: there is no network host$/],
  ['secrets: [redis-acl]', 'secrets: [redis]', /^redis: there is no secret/],
  ['redis: { internal: true }', 'redis: {}', /^redis: its network leads out/],
  ['source: rules', 'source: alerts', /^prometheus: there is no config alerts/],
  ['- prometheus:/prometheus', '- metrics:/prometheus', /^prometheus: there is no volume metrics/],
  ["'127.0.0.1:3000:3000'", "'0.0.0.0:3000:3000'", /^grafana: port 0\.0\.0\.0:3000:3000 is not/],
  ['user: "999:999"', 'ports: ["127.0.0.1:6379:6379"]', /^redis: it has a port/],
  ['--aclfile', '--include', /^redis: it asks nobody/],
  ['http://host2:3001/load', 'http://host1:3001/load', /^agent2: it reports what it does not ask/],
  ['depends_on: [redis, host3]', 'depends_on: [redis]', /^agent3: it is not stopped before/],
  ['http://host3:3001/load', 'http://host3:3000/load', /^agent3: clients can ask/],
  ['healthcheck: { test: [CMD, node, /app/healthcheck.mjs, "http', 'healthcheck: { disable: true } #', /^host1: its health is not checked/],
];

test('every container is guarded, limited, checked and given the time to stop in', () => {
  assert.equal(composeFaults(FILE), []);
  for (const [from, to, fault] of BROKEN) {
    assert.ok(COMPOSE_TEXT.includes(from), from);
    const found = composeFaults(parseCompose(COMPOSE_TEXT.replaceAll(from, to)));
    assert.ok(
      found.some((each) => fault.test(each)),
      `${to}: ${found.join('; ')}`,
    );
  }
});

test('it has Redis, three balancers on a port each, and three hosts with an agent each', () => {
  const of = (pattern: RegExp) => Object.entries(FILE.services).filter(([name]) => pattern.test(name));
  for (const pattern of [/^balancer\d$/, /^host\d$/, /^agent\d$/]) assert.is(of(pattern).length, 3, String(pattern));
  // And the console of one, for the dashboard.
  assert.equal(
    of(/^balancer/).flatMap(([, { ports = [] }]) => ports),
    ['127.0.0.1:8080:8080', '127.0.0.1:9080:9080', '127.0.0.1:8081:8080', '127.0.0.1:8082:8080'],
  );
  for (const [name, { command }] of of(/^balancer/)) assert.equal(command, ['balancer', '--name', name]);
});

test('the image has the version of the package, and TAG chooses another', () => {
  for (const [name, { image }] of Object.entries(FILE.services))
    if (!/^(?:redis|prometheus|grafana)$/.test(name)) assert.is(image, `meercat:${VERSION}`, name);
  assert.is(parseCompose(COMPOSE_TEXT, { TAG: '9.9.9' }).services['balancer1']?.image, 'meercat:9.9.9');
});

test('the health checks of the file and of the image run the same program', () => {
  for (const { healthcheck } of Object.values(FILE.services))
    if (healthcheck?.test?.[0] === 'CMD') assert.equal(healthcheck.test.slice(1, 3), healthCommand());
});

test('the script makes each secret that the file names, of a password for each role, and never makes them twice', () =>
  withTempDir(async (dir) => {
    const folder = await withSecrets(dir, 'compose', 'secrets');
    const passwords = new Set<string>();
    for (const service of Object.values(FILE.services)) {
      const { MEERCAT_REDIS: redis } = variablesOf(service, folder);
      if (redis !== undefined) passwords.add(new URL(redis).password);
    }
    assert.is(passwords.size, 3);
    const users = join(folder, FILE.secrets['redis-acl']?.file ?? '');
    assert.not.match(readFileSync(users, 'utf8'), /_SHA256/);
    for (const password of passwords) assert.not.ok(readFileSync(users, 'utf8').includes(password));
    // What holds a password is for its owner alone; Redis, another user, reads the hashes.
    assert.is((await stat(join(folder, 'secrets'))).mode & 0o777, 0o700);
    assert.is((await stat(join(folder, 'secrets/balancer.env'))).mode & 0o777, 0o600);
    assert.is((await stat(users)).mode & 0o777, 0o644);

    const before = readFileSync(users, 'utf8');
    await withProcess({ command: 'sh', args: ['../make-secrets.sh', 'compose', 'secrets'], cwd: folder }, async (child) => {
      assert.is((await ended(child)).code, 1);
      assert.match(child.lines.join(), /has secrets already/);
    });
    assert.is(readFileSync(users, 'utf8'), before);
    for (const args of [[], ['compose'], ['swarm', 'secrets'], ['compose', 'others', 'more'], ['kubernetes', 'others', 'a b']])
      await withProcess({ command: 'sh', args: ['../make-secrets.sh', ...args], cwd: folder }, async (child) => {
        assert.is((await ended(child)).code, 2, args.join(' '));
      });
    assert.not.ok(existsSync(join(folder, 'others')));

    // A user that it makes no password for would keep Redis from starting.
    appendFileSync(join(dir, 'deploy/redis/meercat.acl'), 'user other on #OTHER_SHA256\n');
    await withProcess({ command: 'sh', args: ['../make-secrets.sh', 'compose', 'others'], cwd: folder }, async (child) => {
      assert.is((await ended(child)).code, 1);
      assert.match(child.lines.join(), /a user that this script does not know/);
    });
  }));

/** Runs the script; returns its exit code and what it says. */
const makeSecrets = (folder: string, ...args: string[]): Promise<string> =>
  withProcess({ command: 'sh', args: ['../make-secrets.sh', ...args], cwd: folder }, async (child) => {
    const { code } = await ended(child);
    return `${code}: ${child.lines.join()}`;
  });

test('for each variant the script writes what reads the fleet and what operates it, for their owner alone', () =>
  withTempDir(async (dir) => {
    for (const kind of ['compose', 'kubernetes'] as const) {
      const folder = await withSecrets(join(dir, kind), kind, 'secrets');
      for (const role of ['balancer', 'agent', 'operator', 'reader']) {
        const file = join(folder, `secrets/${role}.env`);
        const { MEERCAT_REDIS: redis = '' } = parseVariables(readFileSync(file, 'utf8'));
        const [, user, password = ''] = /^redis[^:]*:\/\/([^:]+):([0-9a-f]{48})@/.exec(redis) ?? [];
        assert.is(user, `meercat-${role}`, `${kind} ${role}`);
        const hash = createHash('sha256').update(password).digest('hex');
        assert.ok(readFileSync(join(folder, 'secrets/redis.acl'), 'utf8').includes(`user meercat-${role} on #${hash} `), `${kind} ${role}`);
        assert.is((await stat(file)).mode & 0o777, 0o600, role);
      }
    }
  }));

test('the script overwrites no file, and uses no folder that others may read', () =>
  withTempDir(async (dir) => {
    const folder = await withSecrets(dir, 'kubernetes', 'secrets');
    for (const file of readdirSync(join(folder, 'secrets'))) {
      mkdirSync(join(folder, file), { mode: 0o700 });
      writeFileSync(join(folder, file, file), 'mine');
      assert.match(await makeSecrets(folder, 'kubernetes', file), /^1: .*has secrets already/, file);
      assert.equal(readdirSync(join(folder, file)), [file]);
      assert.is(readFileSync(join(folder, file, file), 'utf8'), 'mine');
    }
    mkdirSync(join(folder, 'open'));
    chmodSync(join(folder, 'open'), 0o755);
    assert.match(await makeSecrets(folder, 'kubernetes', 'open'), /^1: .*others may read open/);
    assert.equal(readdirSync(join(folder, 'open')), []);
    chmodSync(join(folder, 'open'), 0o700);
    assert.match(await makeSecrets(folder, 'kubernetes', 'open', 'team-7'), /^0: made open/);
    assert.match(readFileSync(join(folder, 'open/reader.env'), 'utf8'), 'redis-0.redis.team-7.svc:26379');
  }));

test('Prometheus scrapes each balancer with the token that it has, and Grafana has the shipped dashboard', () => {
  const scraped = readFileSync(join(CONTEXT, 'deploy/compose/prometheus.yml'), 'utf8');
  for (const [name, { environment, secrets }] of Object.entries(FILE.services).filter(([each]) => each.startsWith('balancer'))) {
    assert.match(scraped, `"${name}:9080"`);
    assert.is(environment?.['MEERCAT_CONSOLE_TOKEN_FILE'], '/run/secrets/console-token');
    assert.ok(secrets?.includes('console-token'), name);
  }
  for (const [name, { file }] of Object.entries(FILE.configs)) assert.ok(existsSync(join(CONTEXT, 'deploy/compose', file)), name);
  assert.equal(FILE.services['prometheus']?.secrets, ['console-token']);
});

test('every service that the page of deploy/compose names exists', () => {
  const named = [...PAGE.matchAll(/\b(?:balancer|host|agent)\d\b/g)].map(([name]) => name);
  assert.ok(named.length > 5);
  for (const name of named) assert.ok(name in FILE.services || /[4-9]$/.test(name), name);
});

test.run();
