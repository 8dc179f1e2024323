// `meercat bench` as the command line runs it, and what its JSON must have, whichever benchmark it is.

import * as assert from 'uvu/assert';
import { withProcess } from './brackets.js';
import { ENTRY } from './meercat.js';

/** Figures by name. */
export type Fields = Readonly<Record<string, unknown>>;

/** The JSON that a benchmark prints. */
export interface BenchJson {
  readonly bench: string;
  readonly version: string;
  readonly startedAt: string;
  readonly machine: Fields;
  readonly goals: readonly {
    readonly what: string;
    readonly goal: string;
    readonly value: number | null;
    readonly isReached: boolean | null;
    readonly lack?: string;
  }[];
  readonly wrong: readonly string[];
  readonly figures: Fields;
}

/** How a benchmark ended. */
export interface BenchOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `meercat bench` to its end. */
export function bench(...args: readonly string[]): Promise<BenchOutcome> {
  return withProcess({ command: process.execPath, args: [ENTRY, 'bench', ...args] }, async (child) => {
    const { code } = await child.exit;
    return { code, stdout: child.stdout.join('\n'), stderr: child.stderr.join('\n') };
  });
}

/** Runs a benchmark for its JSON alone; its answers must have been right. */
export async function benchJson(...args: readonly string[]): Promise<BenchJson> {
  const { code, stdout, stderr } = await bench(...args, '--json');
  assert.is(code, 0, `${stdout}\n${stderr}`);
  const json = JSON.parse(stdout) as BenchJson;
  assert.is(json.bench, args[0]);
  assert.equal(json.wrong, []);
  assert.ok(json.goals.length > 0);
  for (const { what, goal, value, isReached, lack } of json.goals) {
    assert.ok(what !== '' && /^(<|<=|=|>=) [\d.]+/.test(goal), JSON.stringify(json.goals));
    // What is not measured says why; all else has a figure.
    if (isReached === null) assert.ok(value === null && lack !== undefined && lack !== '', JSON.stringify(json.goals));
    else assert.ok(value !== null && value >= 0 && lack === undefined, JSON.stringify(json.goals));
  }
  return json;
}

/** Asserts that this is a number within these bounds. */
export function isWithin(value: unknown, min: number, max: number, what: string): void {
  assert.ok(typeof value === 'number' && value >= min && value <= max, `${what}: ${String(value)} is not within ${min} and ${max}`);
}

/** Asserts that this is a whole number, and none below 0. */
export function isCount(value: unknown, what: string): void {
  assert.ok(Number.isSafeInteger(value) && (value as number) >= 0, `${what}: ${String(value)} is no count`);
}

/** Asserts that this is a span of time: finite, and above 0. */
export function isTime(value: unknown, what: string): void {
  assert.ok(Number.isFinite(value) && (value as number) > 0, `${what}: ${String(value)} is no time`);
}
