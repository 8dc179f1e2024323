// A longer chaos run, and its figures as a table: `node dist/lib/lab/chaos/report.js [SEED] [ROUNDS]`.
// Exit code 1 and the history before it for each violation.

import { type RoundOutcome, runChaos } from './chaos.js';

const [seed = 1, rounds = 60] = process.argv.slice(2).map(Number);

/** The least, the median and the greatest of some milliseconds. */
function spread(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number): string => String(Math.round(sorted[Math.round(part * (sorted.length - 1))] ?? Number.NaN));
  return `${at(0)} / ${at(0.5)} / ${at(1)}`;
}

const { outcomes, requests, masterships, violations } = await runChaos({ seed, rounds });
const groups = new Map<string, RoundOutcome[]>();
for (const each of outcomes) {
  const group = `${each.fault} (${each.hit})`;
  groups.set(group, [...(groups.get(group) ?? []), each]);
}
const lines = [...groups]
  .toSorted(([a], [b]) => a.localeCompare(b))
  .map(
    ([group, each]) =>
      `| ${group} | ${each.length} | ${spread(each.map(({ gapMs }) => gapMs))} | ${spread(each.map(({ wellAfterMs }) => wellAfterMs))} |`,
  );
process.stdout.write(
  [
    `seed ${seed}: ${rounds} rounds, ${masterships} masterships, ${requests} requests, ${violations.length} violations`,
    '',
    '| fault (what it hit) | rounds | longest time without a table, ms: least / median / most | well after healing, ms |',
    '| --- | --- | --- | --- |',
    ...lines,
    ...violations.map((violation) => `\nVIOLATION: ${violation}`),
    '',
  ].join('\n'),
);
process.exitCode = violations.length > 0 ? 1 : 0;
