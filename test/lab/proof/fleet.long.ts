// Small runs of `meercat bench fleet` through the command line: its figures must exist and be consistent, an earlier run
// can be shown again, and nothing is left behind, also after Ctrl-C. Speed is not tested.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findCgroups } from '../../../lib/agent/probes/cgroup-tree.js';
import type { ContestantFigures, ProofFigures, Spread } from '../../../lib/lab/proof/figures.js';
import { type BenchJson, bench, isTime, isWithin } from '../../support/bench.js';
import { type RunningProcess, withProcess, withTempDir } from '../../support/brackets.js';
import { ENTRY } from '../../support/meercat.js';

const test = suite('bench fleet, long');

const TINY = ['--rounds', '1', '--fleets', '2', '--peer-fleets', '2', '--seconds', '0.3', '--only', 'meercat,haproxy,loads'];

/** The control groups of the run of this process. */
function groupsOf(pid: number): string[] {
  return (findCgroups('/proc', 'self').cpu?.levels ?? []).flatMap((place) =>
    readdirSync(place).filter((name) => name.startsWith(`meercat-bench-${pid}-`)),
  );
}

/** Pids of living processes in whose command line this text stands. */
function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((entry) => {
      try {
        return readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Folders of other programs' configurations. */
function foldersNow(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('meercat-bench-'));
}

async function endsClean(args: readonly string[], run: (child: RunningProcess) => Promise<void>): Promise<void> {
  const foldersBefore = foldersNow();
  await withProcess({ command: process.execPath, args: [ENTRY, 'bench', 'fleet', ...args] }, async (child) => {
    await run(child);
    await child.exit;
    assert.equal(groupsOf(child.pid), []);
    // Each child knows the Redis of this run, or is a role of it; all have ended with it.
    const ports = [...child.lines.join('\n').matchAll(/redis:\/\/127\.0\.0\.1:(\d+)/g)].map(([url]) => url);
    for (const url of ports) assert.equal(processesWith(url), []);
  });
  assert.equal(
    foldersNow().filter((name) => !foldersBefore.includes(name)),
    [],
  );
}

function isSpread({ median, least, most }: Spread, what: string): void {
  assert.ok(least <= median && median <= most, `${what}: ${JSON.stringify({ median, least, most })}`);
}

function checkContestant({ name, program, comparisons, cpuEach, highestPerSecond, loads, memoryMiB }: ContestantFigures): void {
  isSpread(highestPerSecond, name);
  for (const load of loads) {
    isWithin(load.percent, 50, 90, `${name}: percent`);
    for (const each of ['p50Ms', 'p99Ms', 'p999Ms', 'errors', 'hostMaxOverMean', 'jain', 'cpuMicros', 'addedP50Ms'] as const)
      isSpread(load[each], `${name}: ${each}`);
    isTime(load.p50Ms.median, `${name}: p50`);
    assert.ok(load.p50Ms.median <= load.p99Ms.median && load.p99Ms.median <= load.p999Ms.median, name);
    isWithin(load.errors.median, 0, 1, `${name}: errors`);
    isWithin(load.jain.median, 0.1, 1, `${name}: Jain's index`);
    assert.is(load.coordinationCores === null, program !== 'meercat');
    if (program !== 'floor') isTime(load.cpuMicros.median, `${name}: CPU`);
  }
  if (program === 'floor') assert.equal([comparisons, cpuEach, memoryMiB], [[], null, 0]);
  else {
    isTime(memoryMiB, `${name}: memory`);
    isTime(cpuEach, `${name}: CPU of each`);
  }
}

test('the loads of single balancers and fleets are measured and shown, and nothing is left behind', () =>
  withTempDir(async (folder) => {
    const [json, html] = [join(folder, 'fleet.json'), join(folder, 'fleet.html')];
    await endsClean([...TINY, '--json', json, '--html', html], async (child) => {
      assert.is((await child.exit).code, 0, child.lines.join('\n'));
      assert.ok(child.stderr.some((line) => /^bench fleet: \d+\/\d+, .* left: search, round 1\/1: meercat, fleet of 2/.test(line)));
    });
    const run = JSON.parse(readFileSync(json, 'utf8')) as BenchJson;
    const { setup, contestants, faults, simulation } = run.figures as unknown as ProofFigures;
    assert.equal([run.bench, run.wrong, faults, simulation], ['fleet', [], [], null]);
    assert.match(setup.command, /^npm run bench -- fleet .*--fleets 2 .*--only meercat,haproxy,loads$/);
    contestants.forEach(checkContestant);
    const sides = contestants
      .filter(({ program }) => program === 'meercat')
      .map(({ balancers, comparisons }) => [balancers, comparisons.join()]);
    const isLimited = setup.quota !== 'taskset';
    assert.equal(
      sides,
      [
        [1, 'total'],
        [1, 'each'],
        [2, 'total'],
        [2, 'each'],
      ].filter(([, comparison]) => isLimited || comparison === 'total'),
    );
    assert.match(readFileSync(html, 'utf8'), /^<!doctype html>/);

    // The same again from its JSON.
    const again = join(folder, 'again.html');
    const { code, stdout } = await bench('fleet', '--from', json, '--html', again);
    assert.is(code, 0);
    assert.is(readFileSync(again, 'utf8'), readFileSync(html, 'utf8'));
    assert.equal((JSON.parse(stdout.split('\n').at(-1) as string) as BenchJson).figures, run.figures);
  }));

test('Ctrl-C in the middle of a turn leaves no group, process or file', () =>
  endsClean(['--rounds', '1', '--fleets', '2', '--seconds', '1', '--only', 'loads'], async (child) => {
    await child.waitForLine(/search, round 1\/1: meercat/, 120_000);
    child.kill('SIGINT');
    assert.is((await child.exit).code, 130);
  }));

test('a run that is killed leaves no process, and the next one removes its groups', () =>
  withTempDir(async (folder) => {
    let killed = 0;
    await withProcess({ command: process.execPath, args: [ENTRY, 'bench', 'fleet', ...TINY] }, async (child) => {
      await child.waitForLine(/search, round 1\/1: meercat/, 120_000);
      killed = child.pid;
      child.kill('SIGKILL');
      await child.exit;
    });
    const file = join(folder, 'empty');
    writeFileSync(file, '');
    await endsClean([...TINY], async (child) => {
      await child.waitForLine(/CPU is limited|share one core/, 60_000);
      // The processes of a killed run end with it, at their own speed.
      child.kill('SIGINT');
      await child.exit;
    });
    assert.equal(groupsOf(killed), []);
    assert.ok(existsSync(file));
  }));

test.run();
