// Tiny runs of `meercat bench fleet` for tests, which must leave nothing behind: no control group, process or file.

import { readdirSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { findCgroups } from '../../lib/agent/probes/cgroup-tree.js';
import { cpuTimesByProcess } from '../../lib/lab/process-cpu.js';
import { startTicksOf } from '../../lib/process-stat.js';
import { type RunningProcess, until, withProcess, withTempDir } from './brackets.js';
import { ENTRY } from './meercat.js';

/** Flags of the smallest run with a fleet and another program. */
export const TINY = ['--rounds', '1', '--fleets', '2', '--peer-fleets', '1', '--seconds', '0.3', '--only', 'meercat,haproxy,loads'];

/** The control groups of the run of this process. */
export function groupsOf(pid: number): string[] {
  return (findCgroups('/proc', 'self').cpu?.levels ?? []).flatMap((place) =>
    readdirSync(place).filter((name) => name.startsWith(`meercat-bench-${pid}-`)),
  );
}

/** Notes all descendants of a process until it is stopped; tells which of them are still there. */
function watchDescendants(pid: number): { (): number[]; stop(): void } {
  const seen = new Map<number, number>();
  const look = (): void => {
    for (const each of cpuTimesByProcess(pid).keys()) if (each !== pid) seen.set(each, startTicksOf(each));
  };
  const timer = setInterval(look, 200);
  look();
  const left = (): number[] => {
    assert.ok(seen.size > 0, 'no descendant was seen');
    // A later process may have the same id.
    return [...seen].filter(([each, ticks]) => startTicksOf(each) === ticks).map(([each]) => each);
  };
  return Object.assign(left, { stop: () => clearInterval(timer) });
}

/** Runs the benchmark, and checks what is left at its end. */
export function endsClean(args: readonly string[], run: (child: RunningProcess) => Promise<void>): Promise<void> {
  return withTempDir(async (folder) => {
    const command = { command: process.execPath, args: [ENTRY, 'bench', 'fleet', ...args], env: { TMPDIR: folder } };
    await withProcess(command, async (child) => {
      const descendantsLeft = watchDescendants(child.pid);
      try {
        await run(child);
        await child.exit;
      } finally {
        descendantsLeft.stop();
      }
      assert.equal(groupsOf(child.pid), []);
      // The last ones are shells that saw their program end.
      await until(() => descendantsLeft().length === 0, { what: () => `the end of processes ${descendantsLeft().join()}` });
    });
    assert.equal(readdirSync(folder), []);
  });
}
