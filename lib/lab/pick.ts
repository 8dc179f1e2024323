// The cost of one pick, for each policy and for consistent hashing, with few and with many hosts, on the real table; and
// that of a signature.

import { ALGORITHMS } from '../model.js';
import { measureAffinity } from './affinity-cost.js';
import type { BenchContext } from './context.js';
import { startRole } from './processes.js';
import { type BenchReport, goalBelow } from './report.js';
import { measureSignatures } from './signature-cost.js';
import { median, rounded } from './statistics.js';

const DEFAULT_HOSTS = [10, 1000, 10_000];
const DEFAULT_ROUNDS = 9;
const DEFAULT_SECONDS = 0.3;
const GOAL_NS = 300;
/** For a report or a small load message. */
const SIGNATURE_GOAL_MICROS = 5;
const PICK_TIMEOUT_MS = 120_000;

interface Figures {
  readonly algorithm: string;
  readonly hosts: number;
  readonly medianNs: number;
  readonly minNs: number;
  readonly maxNs: number;
  readonly bytesPerPick: number;
  readonly picks: number;
}

/** Runs the benchmark. */
export async function runPick({ flags, say, shutdown }: BenchContext): Promise<BenchReport> {
  const sizes = flags.hosts ?? DEFAULT_HOSTS;
  const rounds = flags.rounds ?? DEFAULT_ROUNDS;
  const seconds = flags.seconds ?? DEFAULT_SECONDS;
  const wrong: string[] = [];
  const all: Figures[] = [];
  for (const algorithm of ALGORITHMS) {
    for (const hosts of sizes) {
      const { child } = await startRole('pick', [algorithm, String(hosts), String(rounds), String(seconds)], { core: null, shutdown });
      const picked = await child.next('picked', PICK_TIMEOUT_MS);
      await child.exited;
      const ns = picked.ns as number[];
      wrong.push(...(picked.wrong as string[]).map((what) => `${algorithm}, ${hosts} hosts: ${what}`));
      const figures = {
        algorithm,
        hosts,
        medianNs: rounded(median(ns), 1),
        minNs: rounded(Math.min(...ns), 1),
        maxNs: rounded(Math.max(...ns), 1),
        bytesPerPick: rounded(picked.bytes as number, 2),
        picks: (picked.times as number) * rounds,
      };
      all.push(figures);
      say(`${algorithm}, ${hosts} hosts: ${figures.medianNs} ns`);
    }
  }
  const flat = ALGORITHMS.map((algorithm) => {
    const own = all.filter((figures) => figures.algorithm === algorithm);
    const [few, many] = [own.at(0), own.at(-1)];
    return {
      algorithm,
      fromHosts: few?.hosts ?? 0,
      toHosts: many?.hosts ?? 0,
      ratio: rounded((many?.medianNs ?? Number.NaN) / (few?.medianNs ?? Number.NaN), 2),
    };
  });
  const affinity = measureAffinity(sizes, rounds);
  wrong.push(...affinity.wrong);
  const signatures = measureSignatures(rounds);
  const [small] = signatures as [(typeof signatures)[0]];
  return {
    notes: [
      `each policy and number of hosts in a process of its own, compiled before measuring; ${rounds} repetitions of ${seconds} s;`,
      'bytes: growth of the used heap over 1,000 picks, median of 101 tries, less what looking takes',
    ],
    tables: [
      [
        ['policy', 'hosts', 'median ns', 'min ns', 'max ns', 'bytes/pick'],
        ...all.map(({ algorithm, hosts, medianNs, minNs, maxNs, bytesPerPick }) => [
          algorithm,
          hosts,
          medianNs,
          minNs,
          maxNs,
          bytesPerPick,
        ]),
      ],
      [
        ['policy', 'ratio of medians'],
        ...flat.map(({ algorithm, fromHosts, toHosts, ratio }) => [algorithm, `${ratio} (${toHosts} : ${fromHosts} hosts)`]),
      ],
      [
        ['hash of the path, hosts', 'weights', 'known key ns', 'new key ns', 'bytes/pick'],
        ...affinity.costs.map(({ hosts, isWeighted, knownNs, newNs, bytesPerPick }) => [
          hosts,
          isWeighted ? 'differ' : 'equal',
          knownNs,
          newNs,
          bytesPerPick,
        ]),
      ],
      [
        ['message bytes', 'min µs to sign', 'median', 'min µs to check', 'median', 'createHmac alone'],
        ...signatures.map(({ bytes, signMicros, signMedianMicros, checkMicros, checkMedianMicros, createHmacMicros }) => [
          bytes,
          signMicros,
          signMedianMicros,
          checkMicros,
          checkMedianMicros,
          createHmacMicros,
        ]),
      ],
    ],
    goals: [
      goalBelow('median of the slowest', Math.max(...all.map(({ medianNs }) => medianNs)), GOAL_NS, 'ns'),
      goalBelow(
        'minimum for a signature of 300 bytes, made or checked',
        Math.max(small.signMicros, small.checkMicros),
        SIGNATURE_GOAL_MICROS,
        'µs',
      ),
    ],
    wrong,
    figures: { byPolicy: all, flat, affinity: affinity.costs, signatures },
  };
}
