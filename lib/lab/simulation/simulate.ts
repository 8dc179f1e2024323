// `meercat simulate`: builds the scenario from the command line, runs it, and writes the figures to stdout and files. The
// only place of the simulation that prints.

import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { MeercatError } from '../../errors.js';
import { fileReason } from '../../file-reason.js';
import { readVersion } from '../../version.js';
import { toHtml } from './html-report.js';
import { planScaling } from './fleet-scaling.js';
import { runMatrixInThread, runScalingInThread } from './matrix-runner.js';
import { countRuns, type Progress } from './matrix.js';
import { createProgressBar, type ProgressStream } from './progress.js';
import { loadScenarioJson, readScenario } from './scenario-file.js';
import { meanCapacityOf, meanCostOf, type Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios.js';
import { limitsOf } from './scaling-limits.js';
import { formatScaling, type ScalingReport, scalingToJson } from './scaling-report.js';
import { formatSimulation, type SimulateReport, toJson } from './simulate-report.js';

/** A simulation, as requested on the command line. */
export interface SimulateRequest {
  /** A built-in scenario's name, or a file. */
  readonly scenario: string;
  /** Fields that override those of the scenario, in the file format. */
  readonly overrides: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** False: the table. True: JSON only. A path: the table on stdout, and the JSON in this file. */
  readonly json: boolean | string;
  /** File for the HTML page; null for none. */
  readonly html: string | null;
  /** Prints the scenario instead of simulating it. */
  readonly isPrinted: boolean;
}

/** Where results and progress are written. */
export interface SimulateOutput {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressStream;
}

/**
 * Simulates and prints. Gives how many runs were not done because `signal` was aborted; those that are done are printed
 * all the same. Rejects with MEERCAT_BAD_CONFIG for what is asked wrongly, before anything is simulated.
 */
export async function simulate(
  { scenario: nameOrFile, overrides, seed, json, html, isPrinted }: SimulateRequest,
  signal: AbortSignal,
  { stdout, stderr }: SimulateOutput = process,
): Promise<number> {
  const { json: own, where } = loadScenarioJson(nameOrFile);
  const merged = { ...own, ...overrides };
  if (own['duration'] !== undefined && own['requestCount'] !== undefined)
    refuse(`scenario ${where}: "duration" or "requestCount", not both`);
  const scenario = readScenario(merged, where);
  if (isPrinted) {
    stdout.write(`${JSON.stringify(merged, null, 2)}\n`);
    return 0;
  }
  // Report unwritable files now, not after minutes.
  const jsonFile = typeof json === 'string' ? json : null;
  for (const [flag, file] of [
    ['--html', html],
    ['--json', jsonFile],
  ] as const)
    if (file !== null) checkOutput(flag, file, nameOrFile);
  if (html !== null && jsonFile !== null && resolve(html) === resolve(jsonFile))
    refuse(`--html, --json: both would go into ${html}; name two files`);
  checkRequests(scenario);
  if (scenario.scaling !== null) checkScaling(overrides, html);
  const clock = (): number => performance.now();
  const startMs = clock();
  const bar = createProgressBar(stderr, clock);
  const onProgress = (progress: Progress): void => bar.show(progress);
  const about = { scenario, scenarioJson: merged, seed, version: readVersion() };
  const seconds = (): number => Math.round((clock() - startMs) / 100) / 10;
  if (scenario.scaling !== null) {
    const figures = await runScalingInThread({ scenario, seed }, onProgress, signal);
    bar.end();
    const missing = planScaling(scenario, scenario.scaling).length - figures.length;
    if (figures.length === 0 && json !== true) return missing;
    const report: ScalingReport = { ...about, seconds: seconds(), figures, limits: limitsOf(scenario, figures), missing };
    stdout.write(json === true ? scalingToJson(report) : formatScaling(report));
    const failed = jsonFile === null ? null : writeOutput('--json', jsonFile, scalingToJson(report));
    if (failed !== null) throw new Error(failed);
    return missing;
  }
  const runs = await runMatrixInThread({ scenario, seed }, onProgress, signal);
  bar.end();
  const missing = countRuns(scenario) - runs.length;
  const report: SimulateReport = { ...about, seconds: seconds(), runs, missing };
  if (runs.length === 0 && json !== true) return missing;
  // Print the results first: they took minutes, and writing the files can fail.
  stdout.write(json === true ? toJson(report) : formatSimulation(report));
  const failed = [
    html === null ? null : writeOutput('--html', html, toHtml(report)),
    jsonFile === null ? null : writeOutput('--json', jsonFile, toJson(report)),
  ].filter((message) => message !== null);
  if (failed.length > 0) throw new Error(failed.join('; '));
  return missing;
}

/** Refuses what a search for the highest load does not take. */
function checkScaling(overrides: Readonly<Record<string, unknown>>, html: string | null): void {
  if (overrides['loads'] !== undefined) refuse('--load: a scenario with "scaling" looks for the highest load itself; leave --load out');
  if (overrides['requestCount'] !== undefined) refuse('--requests: a scenario with "scaling" runs for a time; use --seconds');
  if (Array.isArray(overrides['policies']) && overrides['policies'].length > 1)
    refuse('--policies: a scenario with "scaling" takes one policy');
  if (html !== null) refuse('--html: there is no page for a scenario with "scaling"; use --json');
}

/** Checks that every load has requests after the warm-up. */
function checkRequests(scenario: Scenario): void {
  const { requestCount, warmUpMs, loads, name } = scenario;
  const capacity = meanCapacityOf(scenario);
  if (!(capacity > 0)) refuse(`scenario ${name}: neighbours take all cores of all hosts: nothing is left for requests`);
  if (requestCount === null) return;
  for (const load of loads) {
    const perSecond = (1000 * load * capacity) / meanCostOf(scenario);
    const least = Math.ceil((perSecond * warmUpMs) / 1000);
    if (requestCount <= least)
      refuse(
        `--requests ${requestCount}: at load ${load} ${Math.round(perSecond)} come each second, and those of the first ${warmUpMs / 1000} s (warmUp) do not count: ask for more than ${least}, or give a scenario with a shorter "warmUp"`,
      );
  }
}

/** Writes a file; returns the error message, or null. */
function writeOutput(flag: string, file: string, content: string): string | null {
  try {
    writeFileSync(file, content);
    return null;
  } catch (error) {
    return `${flag} ${file}: ${fileReason(error, 'written')}`;
  }
}

/** Checks that results may be written to this file, without changing it. It must not be a scenario: `--json` takes the next argument as its file. */
function checkOutput(flag: string, file: string, nameOrFile: string): void {
  const isScenario = resolve(file) === resolve(nameOrFile) || SCENARIOS.some(({ name }) => name === file) || holdsScenario(file);
  if (isScenario) refuse(`${flag}: ${file} is a scenario, and would be lost; name another file, or give the scenario first`);
  const isNew = !existsSync(file);
  try {
    closeSync(openSync(file, 'a'));
  } catch (error) {
    refuse(`${flag} ${file}: ${fileReason(error, 'written')}`);
  }
  if (isNew) rmSync(file);
}

/** Larger files are not hand-written scenarios. */
const MAX_SCENARIO_BYTES = 1 << 20;

/** Whether the file is a scenario: a result has fields that no scenario has. */
function holdsScenario(file: string): boolean {
  try {
    // Reading a device may never end.
    const status = statSync(file);
    if (!status.isFile() || status.size > MAX_SCENARIO_BYTES) return false;
    readScenario(JSON.parse(readFileSync(file, 'utf8')), file);
    return true;
  } catch {
    return false;
  }
}

function refuse(message: string): never {
  throw new MeercatError('MEERCAT_BAD_CONFIG', message);
}
