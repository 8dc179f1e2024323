// `meercat simulate`: from the command line's words to a scenario, its runs, and the figures onto stdout and into
// files. The only place of the simulation that prints.

import { writeFileSync } from 'node:fs';
import { MeercatError, messageOf } from '../../errors.js';
import { readVersion } from '../../version.js';
import { toHtml } from './html-report.js';
import { runMatrix } from './matrix.js';
import { createProgressBar } from './progress.js';
import { loadScenarioJson, readScenario } from './scenario-file.js';
import { formatSimulation, type SimulateReport, toJson } from './simulate-report.js';

/** How the command line asks for a simulation. Fields of the scenario that are given go before what it says itself. */
export interface SimulateRequest {
  /** A shipped scenario's name, or a file. */
  readonly scenario: string;
  /** Fields as a scenario file has them. */
  readonly overrides: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** False: the table. True: JSON alone. A path: the table, and the JSON into this file. */
  readonly json: boolean | string;
  /** Where the page goes; null for none. */
  readonly html: string | null;
  /** Prints the scenario in place of simulating it. */
  readonly isPrinted: boolean;
}

/** Simulates and prints. Throws MEERCAT_BAD_CONFIG for what is asked wrongly, before anything is simulated. */
export function simulate({ scenario: nameOrFile, overrides, seed, json, html, isPrinted }: SimulateRequest): void {
  const { json: own, where } = loadScenarioJson(nameOrFile);
  const merged = { ...own, ...overrides };
  const scenario = readScenario(merged, where);
  if (isPrinted) {
    process.stdout.write(`${JSON.stringify(merged, null, 2)}\n`);
    return;
  }
  // What can't be written is said now, not after minutes.
  const write = html === null ? null : writerOf('--html', html);
  const writeJson = typeof json === 'string' ? writerOf('--json', json) : null;
  const clock = (): number => performance.now();
  const startMs = clock();
  const bar = createProgressBar(process.stderr, clock);
  const runs = runMatrix(scenario, seed, (progress) => bar.show(progress));
  bar.end();
  const report: SimulateReport = { scenario, scenarioJson: merged, seed, version: readVersion(), seconds: Math.round((clock() - startMs) / 100) / 10, runs };
  write?.(toHtml(report));
  writeJson?.(toJson(report));
  process.stdout.write(json === true ? toJson(report) : formatSimulation(report));
}

function writerOf(flag: string, file: string): (text: string) => void {
  try {
    writeFileSync(file, '');
  } catch (error) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `${flag}: ${messageOf(error)}`);
  }
  return (text) => writeFileSync(file, text);
}
