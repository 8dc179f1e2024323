// The answer of `bench fleet` in words: what was asked, what the verdicts say, and how sure they are. Pure; the terminal,
// the page and the docs say the same sentences.

import { chanceApart, chanceText, type Outcome, TOLERANCE_SHARE } from './compare.js';
import { COMPARISON_NAMES } from './contests.js';
import type { Comparison, ProofFigures } from './figures.js';
import { HIGHEST } from './metrics.js';
import type { Rows } from '../report.js';
import { exactText, numberText, ratioText, READ_ONCE_SHARE, spreadText } from './spread.js';
import type { ProofTable } from './tables.js';
import { countOutcomes, type Verdict } from './verdicts.js';

/** The verdicts on one fleet in one comparison (or with faults), against all opponents. */
export interface Contest {
  readonly comparison: Comparison | null;
  readonly balancers: number;
  readonly verdicts: readonly Verdict[];
}

/** All outcomes, in the order in which they are counted. */
export const OUTCOMES: readonly Outcome[] = ['better', 'equal', 'worse', 'not shown'];

/** The hypotheses. */
export const HYPOTHESES = {
  zero: 'H0: a fleet of several balancers is not better than a single balancer, nor than as many balancers that know nothing of each other.',
  one: 'H1: it is better.',
} as const;

/** The verdicts by comparison and size of fleet, in their order. */
export function contestsOf(verdicts: readonly Verdict[]): readonly Contest[] {
  const contests = new Map<string, Verdict[]>();
  for (const verdict of verdicts) {
    const key = `${verdict.comparison} ${verdict.balancers}`;
    const own = contests.get(key) ?? [];
    own.push(verdict);
    contests.set(key, own);
  }
  return [...contests.values()].map((own) => ({
    comparison: (own[0] as Verdict).comparison,
    balancers: (own[0] as Verdict).balancers,
    verdicts: own,
  }));
}

/** A contest as a heading. */
export function contestName({ comparison, balancers }: Omit<Contest, 'verdicts'>): string {
  return `Fleet of ${balancers}, ${comparison === null ? 'faults' : COMPARISON_NAMES[comparison]}`;
}

/** A verdict in a few words: the outcome, and by how much. */
export function verdictText({ outcome, ratio, difference, unit, factor }: Verdict): string {
  if (Number.isFinite(ratio)) return `${outcome}, ${ratioText(ratio)}`;
  if (Number.isNaN(difference) || difference === 0) return outcome;
  return `${outcome}, ${difference > 0 ? '+' : '−'}${numberText(Math.abs(difference * factor))}${unit === '' ? '' : ` ${unit}`}`;
}

const verdictCell = (verdict: Verdict | undefined): string => (verdict === undefined ? '–' : verdictText(verdict));

/** The verdicts of a contest: a row for each metric, a column for each opponent. */
export function verdictTable(contest: Contest): ProofTable {
  const opponents = [...new Set(contest.verdicts.map(({ opponent }) => opponent))];
  const names = [...new Set(contest.verdicts.map(({ name }) => name))];
  const rows: Rows = [
    ['metric', `fleet of ${contest.balancers}`, ...opponents],
    ...names.map((name) => {
      const own = contest.verdicts.filter((verdict) => verdict.name === name);
      const { fleetFigure, factor, unit } = own[0] as Verdict;
      const figure = `${spreadText(fleetFigure, factor)}${unit === '' ? '' : ` ${unit}`}`;
      return [name, figure].concat(opponents.map((opponent) => verdictCell(own.find((verdict) => verdict.opponent === opponent))));
    }),
  ];
  return { caption: `Verdicts: ${contestName(contest)}, against`, rows };
}

/** How often each outcome occurs, by contest and opponent, with the verdict on the highest load. */
export function countTable(verdicts: readonly Verdict[]): ProofTable {
  return {
    caption: 'All verdicts',
    rows: [
      ['fleet', 'against', 'highest load', ...OUTCOMES],
      ...contestsOf(verdicts).flatMap((contest) =>
        [...new Set(contest.verdicts.map(({ opponent }) => opponent))].map((opponent) => {
          const own = contest.verdicts.filter((verdict) => verdict.opponent === opponent);
          const counts = countOutcomes(own);
          const highest = own.find(({ metric }) => metric === HIGHEST.id);
          return [contestName(contest), opponent, verdictCell(highest)].concat(OUTCOMES.map((outcome) => String(counts[outcome])));
        }),
      ),
    ],
  };
}

/**
 * The answer to the question: a sentence for each fleet and comparison against one Meercat balancer, and against as many
 * balancers of another program that know nothing of each other.
 */
export function answersOf(verdicts: readonly Verdict[]): readonly string[] {
  return contestsOf(verdicts).flatMap((contest) => {
    const opponents = contest.verdicts.filter(
      ({ against }) => against.balancers === (against.program === 'meercat' ? 1 : contest.balancers),
    );
    return [...new Set(opponents.map(({ opponent }) => opponent))].map((opponent) => answerOf(contest, opponent));
  });
}

function answerOf(contest: Contest, opponent: string): string {
  const own = contest.verdicts.filter((verdict) => verdict.opponent === opponent);
  const counts = countOutcomes(own);
  const highest = own.find(({ metric }) => metric === HIGHEST.id);
  const load =
    highest === undefined
      ? ''
      : `; highest load ${spreadText(highest.fleetFigure)} against ${spreadText(highest.opponentFigure)} requests/s: ${verdictText(highest)}`;
  return `${contestName(contest)}, against ${opponent}: better in ${counts.better}, equal in ${counts.equal}, worse in ${counts.worse} of ${own.length} figures, not shown in ${counts['not shown']}${load}.`;
}

/** What the highest loads do not say, in sentences. */
export function highestLoadNotes({ contestants }: ProofFigures): readonly string[] {
  const floor = contestants.find(({ program }) => program === 'floor');
  const atLimit = contestants
    .filter((each) => each !== floor && floor !== undefined && each.highestPerSecond.median >= floor.highestPerSecond.median)
    .map(({ name, cpuEach }) => `${name}${cpuEach === null ? '' : ` at ${exactText(cpuEach)} cores`}`);
  return [
    'The highest load is one that a turn served within the objective. Near it a contestant serves a load in one turn and not in the next, so at 70 or 90 % of it figures can be beyond the objective all the same.',
    ...(atLimit.length === 0
      ? []
      : [
          `These carried all that the hosts can, and might carry more: ${atLimit.join(', ')}. Ratios to their highest load are at most as high as shown.`,
        ]),
  ];
}

/** The rule of the verdicts, in sentences. */
export function ruleOf({ setup: { rounds } }: ProofFigures): readonly string[] {
  const percent = exactText(TOLERANCE_SHARE * 100);
  return [
    `A fleet is better or worse only if its spread over rounds does not overlap the other's and the medians differ by more than ${percent} %, and by more than the measurement can resolve.`,
    `Equal means that no round of one differs from any round of the other by more than ${percent} %, or that all differences are below what can be resolved.`,
    'All else is "not shown": the figures neither show a difference nor exclude one. Its ratio stands there all the same.',
    `A figure that is read once, such as memory, is taken to be uncertain by ${exactText(READ_ONCE_SHARE * 100)} % either way.`,
    rounds < 2
      ? 'This run has one round, thus no spread: it shows nothing that varies. Repeat it with more rounds.'
      : `With ${rounds} rounds each, the spreads of two equal contestants do not overlap in ${chanceText(rounds)} cases by chance alone. The ${percent} % keep most of these out where rounds vary little, not where they vary much. ${
          chanceApart(rounds, rounds) > CHANCE_LIMIT
            ? `Judge by the pattern of many verdicts, not by one; ${ROUNDS_ENOUGH} rounds bring it below 1 of 100.`
            : ''
        }`.trim(),
  ];
}

/** Above this, single verdicts may well be chance. */
const CHANCE_LIMIT = 0.05;

/** The least number of rounds with which chance keeps spreads apart in less than one of 100 cases. */
const ROUNDS_ENOUGH = [2, 3, 4, 5, 6].find((rounds) => chanceApart(rounds, rounds) < 0.01) ?? 6;
