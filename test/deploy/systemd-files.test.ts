// The files of deploy/systemd as files: each line is one that systemd knows, what belongs together agrees, and the
// tools of systemd accept them. systemd-run.test.ts starts what stands in them.

import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDuration, parseInteger } from '../../lib/config/config.js';
import { withProcess, withTempDir } from '../support/brackets.js';
import { findTool } from '../support/tools.js';
import { INSTALLED, parseEnvironment, parseSystemdTime, parseUnit, readSystemdFile, SYSTEMD_FOLDER } from '../support/unit-file.js';

const test = suite('deploy/systemd files');

const UNITS = ['meercat@.service', 'meercat-agent@.service'] as const;

/** Every key that the units use, by section, as systemd.unit(5), systemd.service(5) and systemd.exec(5) have them. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  Unit: ['Description', 'Documentation', 'Wants', 'After', 'StartLimitIntervalSec'],
  Service: [
    ...['Type', 'NotifyAccess', 'User', 'Group', 'EnvironmentFile', 'ExecStart', 'ExecReload', 'TimeoutStartSec', 'TimeoutStopSec'],
    ...['KillMode', 'Restart', 'RestartSec', 'RestartPreventExitStatus', 'OOMPolicy', 'LimitNOFILE', 'LogsDirectory'],
    ...['LogsDirectoryMode', 'UMask', 'NoNewPrivileges', 'CapabilityBoundingSet', 'AmbientCapabilities', 'PrivateUsers'],
    ...['RestrictSUIDSGID', 'ProtectSystem', 'ProtectHome', 'PrivateTmp', 'PrivateDevices', 'RemoveIPC', 'ProtectKernelTunables'],
    ...['ProtectKernelModules', 'ProtectKernelLogs', 'ProtectControlGroups', 'ProtectClock', 'ProtectHostname', 'ProtectProc'],
    ...['RestrictNamespaces', 'RestrictRealtime', 'LockPersonality', 'KeyringMode', 'RestrictAddressFamilies'],
    ...['SystemCallArchitectures', 'SystemCallFilter', 'SystemCallErrorNumber'],
  ],
  Install: ['WantedBy'],
};

/** What keeps a balancer that was taken over from the rest of the machine. */
const HARDENED: Readonly<Record<string, string>> = {
  NoNewPrivileges: 'yes',
  CapabilityBoundingSet: '',
  ProtectSystem: 'strict',
  ProtectHome: 'yes',
  PrivateTmp: 'yes',
  PrivateDevices: 'yes',
  ProtectKernelTunables: 'yes',
  ProtectKernelModules: 'yes',
  ProtectKernelLogs: 'yes',
  ProtectControlGroups: 'yes',
  RestrictNamespaces: 'yes',
  LockPersonality: 'yes',
};

test('every line of a unit is a section or a key that systemd knows', () => {
  for (const name of [...UNITS, 'privileged-port.conf']) {
    for (const [section, assignments] of parseUnit(readSystemdFile(name)).sections) {
      for (const [key] of assignments) assert.ok(KNOWN[section]?.includes(key), `${name}: ${key}= in [${section}]`);
    }
  }
});

test('both units have a user of their own, no privileges and a file system to read from', () => {
  const users = readSystemdFile('meercat.sysusers.conf');
  for (const name of UNITS) {
    const unit = parseUnit(readSystemdFile(name));
    for (const [key, value] of Object.entries(HARDENED)) assert.is(unit.one('Service', key), value, `${name}: ${key}`);
    assert.ok(unit.all('Service', 'SystemCallFilter')[0]?.startsWith('@system-service'), name);
    assert.match(users, new RegExp(`^u ${unit.one('Service', 'User')} - `, 'm'));
    // V8 needs memory that it can write and run: with this a balancer would not start.
    assert.equal(unit.all('Service', 'MemoryDenyWriteExecute'), []);
    assert.match(readSystemdFile(name), /^# MemoryDenyWriteExecute must stay off/m);
    // systemd-notify runs as a child of its own.
    assert.is(unit.one('Service', 'Type'), 'notify');
    assert.is(unit.one('Service', 'NotifyAccess'), 'all');
    assert.ok(unit.one('Service', 'ExecStart').startsWith(`${INSTALLED} `));
    // Exit code 2 is wrong usage: the same again is wrong again.
    assert.is(unit.one('Service', 'RestartPreventExitStatus'), '2');
  }
  assert.not(
    parseUnit(readSystemdFile(UNITS[0])).one('Service', 'User') === parseUnit(readSystemdFile(UNITS[1])).one('Service', 'User'),
    'balancers and agents share a user',
  );
});

test('systemd kills later than the drain takes, and has descriptors for all connections', () => {
  const unit = parseUnit(readSystemdFile('meercat@.service'));
  const env = parseEnvironment(readSystemdFile('meercat.env'));
  const drainMs = ['MEERCAT_DRAIN_DELAY', 'MEERCAT_DRAIN_TIMEOUT']
    .map((name) => parseDuration(name, env[name] as string, 0, 3_600_000))
    .reduce((sum, each) => sum + each);
  assert.ok(drainMs > 0);
  // The parent of several processes waits 20 s more before it kills one.
  assert.ok(parseSystemdTime(unit.one('Service', 'TimeoutStopSec')) > drainMs + 20_000);
  const connections = parseInteger('MEERCAT_MAX_CONNECTIONS', env['MEERCAT_MAX_CONNECTIONS'] as string, 1, 1_000_000);
  assert.ok(Number(unit.one('Service', 'LimitNOFILE')) > 2 * connections + 10_000);
});

test('every line of an environment file is explained above it', () => {
  for (const name of ['meercat.env', 'meercat-agent.env', 'meercat.sysctl.conf']) {
    let isExplained = false;
    for (const line of readSystemdFile(name).split('\n')) {
      if (line.startsWith('#')) isExplained = true;
      else if (line === '') isExplained = false;
      else assert.ok(isExplained, `${name}: nothing says what ${line} is for`);
    }
  }
});

test('every sysctl is one that this kernel has, unless it is marked as one that may be missing', () => {
  const lines = readSystemdFile('meercat.sysctl.conf')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.ok(lines.length > 3);
  for (const line of lines) {
    const [, mayMiss, key] = /^(-?)([a-z0-9_.]+) = \d+$/.exec(line) ?? [];
    assert.ok(key, line);
    if (mayMiss === '') assert.ok(existsSync(`/proc/sys/${key.replaceAll('.', '/')}`), key);
  }
});

/** Runs a tool to its end. */
const run = (command: string, args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> =>
  withProcess({ command, args }, async (child) => ({ code: (await child.exit).code, output: child.lines.join('\n') }));

/** The units with a program that is there in place of the one to be installed, as instances, and the drop-in. */
async function laid(dir: string): Promise<string[]> {
  const files: string[] = [];
  for (const name of UNITS) {
    const file = join(dir, name.replace('@', '@443'));
    await writeFile(file, readSystemdFile(name).replaceAll(INSTALLED, process.execPath));
    files.push(file);
  }
  await mkdir(join(dir, 'meercat@443.service.d'));
  await cp(join(SYSTEMD_FOLDER, 'privileged-port.conf'), join(dir, 'meercat@443.service.d/privileged-port.conf'));
  return files;
}

test('systemd-analyze finds nothing wrong with the units, and does with a wrong one', () =>
  withTempDir(async (dir) => {
    const analyze = findTool('systemd-analyze', 'systemd');
    if (analyze === null) return;
    const [balancer, agent] = (await laid(dir)) as [string, string];
    assert.equal(await run(analyze, ['verify', balancer, agent]), { code: 0, output: '' });
    await writeFile(balancer, (await readFile(balancer, 'utf8')).replace('PrivateTmp=', 'PrivateTpm='));
    assert.match((await run(analyze, ['verify', balancer])).output, 'PrivateTpm');
  }));

test('systemd-analyze rates the exposure of both units below 2 of 10', () =>
  withTempDir(async (dir) => {
    const analyze = findTool('systemd-analyze', 'systemd');
    if (analyze === null) return;
    for (const file of await laid(dir)) {
      const { code, output } = await run(analyze, ['security', '--offline=true', '--threshold=20', '--no-pager', file]);
      assert.is(code, 0, output);
      assert.match(output, /Overall exposure level/);
    }
  }));

test('systemd-sysusers makes both users, who cannot log in', () =>
  withTempDir(async (dir) => {
    const sysusers = findTool('systemd-sysusers', 'systemd');
    if (sysusers === null) return;
    await mkdir(join(dir, 'etc'));
    await mkdir(join(dir, 'etc/sysusers.d'), { recursive: true });
    await cp(join(SYSTEMD_FOLDER, 'meercat.sysusers.conf'), join(dir, 'etc/sysusers.d/meercat.conf'));
    const { code, output } = await run(sysusers, [`--root=${dir}`, 'meercat.conf']);
    assert.is(code, 0, output);
    const users = await readFile(join(dir, 'etc/passwd'), 'utf8');
    for (const name of ['meercat', 'meercat-agent']) assert.match(users, new RegExp(`^${name}:.*:/nonexistent:/usr/sbin/nologin$`, 'm'));
  }));

test('an assignment that is in no section, a second section and a strange line are refused', () => {
  for (const text of ['User=x', '[Unit]\n[Unit]', '[Service]\nuser', '[Service]\n= x']) assert.throws(() => parseUnit(text), /line \d/);
  for (const text of ['A', 'A="x"', 'A=1\nA=2', 'a=1']) assert.throws(() => parseEnvironment(text), /line \d/);
});

test.run();
