// The figures of `bench fleet` for docs/proof.md: answers, tables and images, to be placed between two marks of the page.
// Pure. Invariant: what stands outside of the marks stays as it is, and nothing of a run becomes markup.

import { MeercatError } from '../../errors.js';
import { answersOf, countTable, highestLoadNotes } from './answer.js';
import { atLoad, COMPARISON_NAMES, COMPARISONS, contestantsOf, FAULT_KINDS, type LoadStep, loadsOf } from './contests.js';
import type { Comparison, ContestantFigures, FaultKind, ProofFigures } from './figures.js';
import { leadingOutcomes } from './outcomes.js';
import { plotsOf } from './plots.js';
import type { ProofAbout } from './read-figures.js';
import { exactText, numberText, spreadText } from './spread.js';
import { svgPlot } from './svg-plot.js';
import { calibrationTable, calibrationText, type ProofTable } from './tables.js';
import { verdictsOf } from './verdicts.js';

/** The marks in the page. */
export const FIGURES_MARK = '<!-- figures -->';
const END_MARK = '<!-- end of figures -->';

/** The plots that the page shows, if the run has them. */
const SHOWN_PLOTS: ReadonlySet<string> = new Set(['highest-total', 'highest-each', 'p99-total', 'p99-each', 'scaling', 'coordination']);

/** An image beside the page. */
export interface ProofImage {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

/** The images of the page. */
export function proofImages(figures: ProofFigures): readonly ProofImage[] {
  return plotsOf(figures)
    .filter(({ id }) => SHOWN_PLOTS.has(id))
    .map((plot) => ({ file: `proof-${plot.id}.svg`, title: plot.title, svg: svgPlot(plot) }));
}

/** The figures as Markdown. */
export function proofMarkdown(figures: ProofFigures, about: ProofAbout): string {
  const { setup, simulation } = figures;
  const verdicts = verdictsOf(figures);
  const tables = [
    ...COMPARISONS.map((comparison) => comparisonTable(figures, comparison)),
    faultMatrix(figures),
    verdicts.length === 0 ? null : countTable(verdicts),
    simulation === null ? null : calibrationTable(figures, simulation),
  ];
  return [
    `Meercat ${escaped(about.version)}, ${escaped(about.startedAt)}, ${numberText(about.seconds)} s on ${escaped(about.machine)}: ${setup.rounds} rounds of ${exactText(setup.seconds)} s, medians with least and most. Command: ${code(setup.command)}.`,
    listOf([...answersOf(verdicts), ...leadingOutcomes(verdicts), ...highestLoadNotes(figures)]),
    ...tables.flatMap((table) => (table === null ? [] : [`**${escaped(table.caption)}**`, markdownTable(table)])),
    ...(simulation === null ? [] : [escaped(calibrationText(figures, simulation))]),
    ...(simulation === null || simulation.limits.length === 0
      ? []
      : ['**Simulated: what ends linear scaling**', listOf(simulation.limits)]),
    ...proofImages(figures).map(({ file, title }) => `![${escaped(title)}](${file})`),
  ].join('\n\n');
}

/** The page with these figures in place of earlier ones. Throws MEERCAT_BAD_CONFIG if it has no place for them. */
export function fillProofPage(page: string, figures: ProofFigures, about: ProofAbout): string {
  const [before, after] = splitProofPage(page);
  return `${before}${FIGURES_MARK}\n\n${proofMarkdown(figures, about)}\n\n${END_MARK}${after}`;
}

/** What stands before and after the figures of a page. Throws MEERCAT_BAD_CONFIG if it has no place for them. */
export function splitProofPage(page: string): readonly [before: string, after: string] {
  const start = page.indexOf(FIGURES_MARK);
  if (start === -1)
    throw new MeercatError('MEERCAT_BAD_CONFIG', `the page has no line ${FIGURES_MARK}, which is the place for the figures`);
  const end = page.indexOf(END_MARK, start);
  return [page.slice(0, start), end === -1 ? page.slice(start + FIGURES_MARK.length) : page.slice(end + END_MARK.length)];
}

/** The highest load and the figures at the middle load of each contestant. */
function comparisonTable(figures: ProofFigures, comparison: Comparison): ProofTable | null {
  const all = contestantsOf(figures, comparison);
  if (all.length === 0) return null;
  const loads = loadsOf(figures, comparison);
  const middle = loads[loads.length >> 1];
  const floors = figures.contestants.filter(({ program }) => program === 'floor');
  return {
    caption: `${COMPARISON_NAMES[comparison].replace(/^e/, 'E')}${middle === undefined ? '' : `; latencies and CPU at ${middle.percent} %, ${numberText(middle.perSecond)} requests/s`}`,
    rows: [
      ['contestant', 'highest load, requests/s', 'p50, ms', 'p99, ms', 'p99.9, ms', 'CPU per request, µs', 'memory, MiB'],
      ...[...all, ...floors].map((each) => contestantRow(each, middle)),
    ],
  };
}

function contestantRow(contestant: ContestantFigures, middle: LoadStep | undefined): readonly string[] {
  const { name, program, highestPerSecond, memoryMiB } = contestant;
  const load = middle === undefined ? undefined : atLoad(contestant, middle);
  const latencies = [load?.p50Ms, load?.p99Ms, load?.p999Ms].map((spread) => (spread === undefined ? '–' : spreadText(spread)));
  const isFloor = program === 'floor';
  const cpu = load === undefined || isFloor ? '–' : spreadText(load.cpuMicros);
  return [name, spreadText(highestPerSecond), ...latencies, cpu, isFloor ? '–' : numberText(memoryMiB)];
}

/** What each fault did: a row for each fault, a column for each contestant. */
function faultMatrix({ faults }: ProofFigures): ProofTable | null {
  if (faults.length === 0) return null;
  const names = [...new Set(faults.map(({ contestant }) => contestant))];
  const cellOf = (kind: FaultKind, name: string): string => {
    const found = faults.find(({ fault, contestant }) => fault === kind && contestant === name);
    return found === undefined ? '–' : `${spreadText(found.lost)}; ${spreadText(found.recoverMs)}`;
  };
  return {
    caption: 'Faults: requests lost; recovery in ms',
    rows: [
      ['fault', ...names],
      ...FAULT_KINDS.filter((kind) => faults.some(({ fault }) => fault === kind)).map((kind) =>
        [kind as string].concat(names.map((name) => cellOf(kind, name))),
      ),
    ],
  };
}

function markdownTable({ rows: [heading = [], ...rest] }: ProofTable): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.map((cell) => escaped(String(cell))).join(' | ')} |`;
  return [line(heading), `|${heading.map(() => ' --- |').join('')}`, ...rest.map(line)].join('\n');
}

function listOf(items: readonly string[]): string {
  return items.map((item) => `- ${escaped(item)}`).join('\n');
}

/** Text in which no character is markup. */
function escaped(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>|~#]/g, String.raw`\$&`).replaceAll('&', '&amp;');
}

/** Text as code, fenced by more backticks than it has in a row. */
function code(text: string): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `${fence}${text}${fence}` : `${fence} ${text} ${fence}`;
}
