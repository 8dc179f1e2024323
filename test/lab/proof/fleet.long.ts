// A small run of `meercat bench fleet` through the command line: its figures must exist and be consistent, it can be shown
// again, and nothing is left behind. Speed is not tested.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContestantFigures, ProofFigures, Spread } from '../../../lib/lab/proof/figures.js';
import { type BenchJson, bench, isTime, isWithin } from '../../support/bench.js';
import { withTempDir } from '../../support/brackets.js';
import { endsClean, TINY } from '../../support/proof-runs.js';

const test = suite('bench fleet, long');

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

test.run();
