// The pid probe: on real processes, whose figures are compared with each other and not with the clock, and on fake /proc
// files for cases that real processes can't produce.

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openProbe } from '../../lib/agent/probe.js';

const DEADLINE_MS = 20_000;

/** Runs a program in a process that exits by itself after the deadline, even if the test is killed. */
async function withProcess(program: string, use: (child: ChildProcess, pid: number) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, ['-e', `setTimeout(() => process.exit(), ${DEADLINE_MS}); ${program}`], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  try {
    assert.type(child.pid, 'number');
    await use(child, child.pid ?? 0);
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

const rejection = (promise: Promise<unknown>): Promise<{ code?: string; message: string } | null> =>
  promise.then(
    () => null,
    (thrown) => thrown,
  );

test('a process that burns CPU shows it, and one that sleeps does not', async () => {
  if (process.platform !== 'linux') return;
  const burn = `const end = Date.now() + ${DEADLINE_MS}; while (Date.now() < end);`;
  await withProcess(burn, (_busy, busyPid) =>
    withProcess('', async (_idle, idlePid) => {
      const busy = await openProbe(`pid:${busyPid}`, { timeoutMs: 1000, coresLimit: 1 });
      const idle = await openProbe(`pid:${idlePid}`, { timeoutMs: 1000, coresLimit: 1 });
      assert.is(busy.kind, 'pid');
      // A starting process is not idle yet: compare until the order is right, or the deadline.
      const deadline = performance.now() + DEADLINE_MS / 2;
      let busyCpu: number | null = null;
      let idleCpu: number | null = null;
      do {
        await sleep(100);
        [busyCpu, idleCpu] = [(await busy.read()).cpu, (await idle.read()).cpu];
      } while (!(busyCpu !== null && idleCpu !== null && busyCpu > idleCpu) && performance.now() < deadline);
      assert.ok(busyCpu !== null && idleCpu !== null && busyCpu > idleCpu, `busy: ${busyCpu}, idle: ${idleCpu}`);
      assert.ok(busyCpu <= 1 && idleCpu >= 0, `busy: ${busyCpu}, idle: ${idleCpu}`);
      const { memory, cores, rps } = await idle.read();
      assert.ok(memory !== null && memory > 0 && memory < 1, `memory: ${memory}`);
      assert.equal([cores, rps], [1, null]);
      busy.close();
      idle.close();
    }),
  );
});

test('the same CPU time is half the fraction of twice the cores', async () => {
  if (process.platform !== 'linux') return;
  let now = 0;
  const open = (coresLimit: number) => openProbe(`pid:${process.pid}`, { timeoutMs: 1000, coresLimit, nowMs: () => now });
  const one = await open(1000);
  const two = await open(2000);
  const before = process.cpuUsage();
  while (process.cpuUsage(before).user < 200_000); // microseconds
  now = 1000;
  const [of1000, of2000] = [(await one.read()).cpu ?? NaN, (await two.read()).cpu ?? NaN];
  assert.ok(of1000 > 0 && of2000 > 0 && of2000 < of1000, `${of1000} and ${of2000}`);
});

test('a read rejects once the process has ended', async () => {
  if (process.platform !== 'linux') return;
  await withProcess('', async (child, pid) => {
    const probe = await openProbe(`pid:${pid}`, { timeoutMs: 1000 });
    await probe.read();
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    assert.is((await rejection(probe.read()))?.message, `process ${pid} has ended`);
    assert.is((await rejection(openProbe(`pid:${pid}`, { timeoutMs: 1000 })))?.code, 'MEERCAT_START_FAILED');
  });
});

test('a process that does not exist is a clear error', async () => {
  if (process.platform !== 'linux') return;
  const error = await rejection(openProbe('pid:2147483647', { timeoutMs: 1000 }));
  assert.is(error?.code, 'MEERCAT_START_FAILED');
  assert.match(error?.message ?? '', /--probe pid:2147483647: no process 2147483647 is running/);
});

/** A /proc with one process, 7, on a machine of 4 cores and 1000 kB. */
async function withProc(use: (procRoot: string, write: (path: string, text: string) => void) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'meercat-proc-'));
  const write = (path: string, text: string) => writeFileSync(join(folder, path), text);
  try {
    for (const name of ['self', '7']) mkdirSync(join(folder, name));
    write('self/stat', '1 (x) S');
    write('stat', 'cpu 1\ncpu0 1\ncpu1 1\ncpu2 1\ncpu3 1\n');
    write('meminfo', 'MemTotal: 1000 kB\n');
    write('7/status', 'Name:\tx\nVmRSS:\t     250 kB\nCpus_allowed_list:\t0-1\n');
    write('7/stat', statLine('(node)', 'S', 100, 900));
    await use(folder, write);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function statLine(name: string, state: string, userTicks: number, startTime: number): string {
  return `7 ${name} ${state} 1 1 1 0 -1 0 0 0 0 0 ${userTicks} 0 0 0 20 0 1 0 ${startTime} 1 1\n`;
}

test('affinity bounds the cores, and a name with spaces and parentheses does not confuse', () =>
  withProc(async (procRoot, write) => {
    let now = 0;
    const probe = await openProbe('pid:7', { timeoutMs: 1000, procRoot, nowMs: () => now });
    write('7/stat', statLine('(a) R 1 2 (b 3))', 'R', 200, 900));
    now = 1000;
    assert.equal(await probe.read(), { cpu: 0.5, memory: 0.25, cores: 2, rps: null });
  }));

test('memory is a fraction of the process’s limit when it has one', () =>
  withProc(async (procRoot, write) => {
    mkdirSync(join(procRoot, 'cg'));
    write('self/mountinfo', `31 23 0:28 / ${procRoot}/cg rw - cgroup2 cgroup2 rw\n`);
    write('7/cgroup', '0::/\n');
    write('cg/memory.max', `${500 * 1024}\n`);
    const probe = await openProbe('pid:7', { timeoutMs: 1000, procRoot });
    assert.is((await probe.read()).memory, 0.5);
  }));

test('a figure missing in /proc is null', () =>
  withProc(async (procRoot, write) => {
    write('7/status', 'Name:\tkthread\n');
    const probe = await openProbe('pid:7', { timeoutMs: 1000, procRoot });
    assert.equal(await probe.read(), { cpu: null, memory: null, cores: 4, rps: null });
  }));

test('a later process with the same pid, a zombie, and a garbled stat all count as ended', async () => {
  for (const stat of [statLine('(node)', 'S', 300, 901), statLine('(node)', 'Z', 300, 900), '', '7 (x', '7 (x) S 1', ')'.repeat(99)]) {
    await withProc(async (procRoot, write) => {
      const probe = await openProbe('pid:7', { timeoutMs: 1000, procRoot });
      write('7/stat', stat);
      assert.is((await rejection(probe.read()))?.message, 'process 7 has ended', stat);
    });
  }
});

test('without /proc the error names the alternatives', async () => {
  const error = await rejection(openProbe('pid:7', { timeoutMs: 1000, procRoot: join(tmpdir(), 'meercat-none') }));
  assert.is(error?.code, 'MEERCAT_BAD_CONFIG');
  assert.match(error?.message ?? '', /--probe pid:7 needs Linux.*--probe machine/);
});

test.run();
