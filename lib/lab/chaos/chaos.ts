// `bench chaos`: what a fleet promises, under faults drawn by a seed. The exit code is 1 if a promise was broken; each
// violation is printed with the shortest history that shows it.

import { MeercatError } from '../../errors.js';
import type { BenchContext } from '../context.js';
import type { BenchReport } from '../report.js';
import { ALL_FAULTS } from './all-faults.js';
import { reportChaos } from './report.js';
import { runRounds } from './run.js';

const ROUNDS = 60;

/** Runs the benchmark. */
export async function runChaos({ entry, flags, say, shutdown }: BenchContext): Promise<BenchReport> {
  const { seed = 1, rounds = ROUNDS, only } = flags;
  const names = Object.keys(ALL_FAULTS);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--only: one or more of ${names.join(', ')}, not ${JSON.stringify(unknown)}`);
  return reportChaos(await runRounds({ entry, seed, rounds, only, say, shutdown }));
}
