// The page of `bench fleet`: one self-contained HTML file with the question, the setup, all figures with plots, the
// verdicts, the threats to validity, the command, and the run itself as JSON. Invariant: it needs no network, and nothing
// of a run becomes markup or script.

import { embedJson, escapeHtml, readUplot } from '../html-page.js';
import { PAGE_STYLE } from '../simulation/page-script.js';
import { answersOf, contestName, contestsOf, countTable, highestLoadNotes, HYPOTHESES, ruleOf, verdictTable } from './answer.js';
import { COMPARISON_NAMES, COMPARISONS } from './contests.js';
import type { ProofFigures } from './figures.js';
import { leadingOutcomes } from './outcomes.js';
import { htmlDetails, htmlList, htmlPlot, htmlTable, htmlTerms } from './html-parts.js';
import { FAULT_METRICS, HIGHEST, LOAD_METRICS, MEMORY } from './metrics.js';
import { PROOF_SCRIPT, PROOF_STYLE } from './page-script.js';
import type { Plot } from './plot.js';
import { scalesOf } from './plot-scale.js';
import { plotsOf } from './plots.js';
import type { ProofAbout } from './read-figures.js';
import { quotaText, setupNotes } from './report.js';
import { exactText, numberText } from './spread.js';
import { calibrationTable, calibrationText, comparisonTables, faultTable, headingOf, type ProofTable, scalingTables } from './tables.js';
import { threatsOf } from './threats.js';
import { type Verdict, verdictsOf } from './verdicts.js';

const TITLE = 'Does a fleet beat a single balancer?';

/** Builds the page. */
export function proofHtml(figures: ProofFigures, about: ProofAbout): string {
  const verdicts = verdictsOf(figures);
  const plots = plotsOf(figures);
  const sections = [
    section('answer', 'Hypothesis and answer', answerSection(figures, verdicts)),
    section('setup', 'Setup', setupSection(figures, about)),
    section('figures', 'Figures', figuresSection(figures, plots)),
    ...(figures.faults.length === 0 ? [] : [section('faults', 'Faults', faultsSection(figures, plots))]),
    ...(figures.simulation === null ? [] : [section('simulation', 'Simulation', simulationSection(figures, plots))]),
    section('verdicts', 'Verdicts', verdictsSection(figures, verdicts)),
    section('threats', 'Threats to validity', htmlTerms(threatsOf(figures).map(({ name, text }) => [name, text]))),
    section('repeat', 'Repeat it', repeatSection(figures)),
  ];
  const run = { bench: 'fleet', ...about, machine: { cpu: about.machine }, figures: { ...figures, verdicts } };
  const drawn = plots.map((plot) => Object.assign({ scales: scalesOf(plot) }, plot));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${TITLE} Meercat ${escapeHtml(about.version)}</title>
<style>${readUplot('uPlot.min.css')}</style>
<style>${PAGE_STYLE}${PROOF_STYLE}</style>
</head>
<body>
<main>
<h1>${TITLE}</h1>
<p>Meercat ${escapeHtml(about.version)}, measured ${escapeHtml(about.startedAt)} in ${escapeHtml(numberText(about.seconds))} s on ${escapeHtml(about.machine)}.</p>
<nav aria-label="Contents"><ul>${sections.map(({ id, title }) => `<li><a href="#${id}">${title}</a></li>`).join('')}</ul></nav>
${sections.map(({ html }) => html).join('\n')}
</main>
<script type="application/json" id="run">${embedJson(JSON.stringify(run))}</script>
<script type="application/json" id="plots">${embedJson(JSON.stringify(drawn))}</script>
<script>${readUplot('uPlot.iife.min.js')}</script>
<script>${PROOF_SCRIPT}</script>
</body>
</html>
`;
}

interface Section {
  readonly id: string;
  readonly title: string;
  readonly html: string;
}

function section(id: string, title: string, content: string): Section {
  return { id, title, html: `<section aria-labelledby="${id}">\n<h2 id="${id}">${title}</h2>\n${content}\n</section>` };
}

function tables(list: readonly (ProofTable | null)[]): string {
  return list.flatMap((table) => (table === null ? [] : [htmlTable(table)])).join('\n');
}

/** The plots with these beginnings of their names. */
function plotGrid(plots: readonly Plot[], ...names: readonly string[]): string {
  const own = plots.filter(({ id }) => names.some((name) => id.startsWith(name)));
  return own.length === 0 ? '' : `<div class="plots">\n${own.map(htmlPlot).join('\n')}\n</div>`;
}

function answerSection(figures: ProofFigures, verdicts: readonly Verdict[]): string {
  if (verdicts.length === 0) return '<p>This run has no fleet and opponent to compare: it answers nothing.</p>';
  return `<p>${escapeHtml(HYPOTHESES.zero)}<br>${escapeHtml(HYPOTHESES.one)}</p>
<p>Each metric has a verdict of its own. H0 is rejected only in the metrics in which a fleet is better; where it is equal or worse, or where nothing is shown, H0 stands.</p>
${htmlList(answersOf(verdicts))}
${htmlList([...leadingOutcomes(verdicts), ...highestLoadNotes(figures)])}
${htmlTable(countTable(verdicts))}`;
}

function setupSection({ setup, contestants }: ProofFigures, about: ProofAbout): string {
  return `${htmlTerms([
    ['Machine', about.machine],
    ['Versions', `Meercat ${about.version}; ${setup.redis}`],
    [
      'Contestants',
      contestants.map(({ name, cpuEach }) => (cpuEach === null ? name : `${name}: ${exactText(cpuEach)} cores each`)).join('; '),
    ],
    ['CPU', `limited by ${quotaText(setup.quota)}`],
    [COMPARISON_NAMES.total, `${exactText(setup.cpu)} cores for all balancers of a contestant together`],
    [COMPARISON_NAMES.each, `${exactText(setup.cpuEach)} cores for each balancer`],
    ['Seed', String(setup.seed)],
    ['Left out', setup.leftOut.length === 0 ? 'nothing' : setup.leftOut.join('; ')],
  ])}
${htmlList(setupNotes({ ...setup, leftOut: [] }).map((note) => note.replace(/;$/, '.')))}`;
}

function figuresSection(figures: ProofFigures, plots: readonly Plot[]): string {
  return COMPARISONS.map((comparison) => {
    const ids = ['highest', 'p50', 'p99', 'p999'].map((name) => `${name}-${comparison}`);
    return `${plotGrid(plots, ...ids)}\n${tables(comparisonTables(figures, comparison))}`;
  }).join('\n');
}

function faultsSection(figures: ProofFigures, plots: readonly Plot[]): string {
  return `${plotGrid(plots, 'fault-')}\n${tables([faultTable(figures)])}`;
}

function simulationSection(figures: ProofFigures, plots: readonly Plot[]): string {
  const { simulation } = figures;
  if (simulation === null) return '';
  const { costs, limits } = simulation;
  return `${htmlTerms([
    ['A request', `${exactText(costs.requestMicros)} µs of CPU of a balancer's traffic thread`],
    [
      'Cold caches',
      `${exactText(costs.wakeMicros)} µs after its thread has not run for long; they cool with a time constant of ${exactText(costs.coolMs)} ms`,
    ],
    ['Fitted', 'these to the CPU of all loads, and coordination to what it needed under them'],
    [
      'Coordination without requests',
      `${exactText(costs.slaveCores)} of a core for a slave, ${exactText(costs.masterCores)} for the master`,
    ],
    ['A load message', `${exactText(costs.masterMessageMicros)} µs of the master's thread`],
    ['A message in Redis', `${exactText(costs.redisMessageMicros)} µs for each receiver`],
  ])}
<p>${escapeHtml(calibrationText(figures, simulation))}</p>
${tables([calibrationTable(figures, simulation)])}
${limits.length === 0 ? '' : `<h3>What ends linear scaling</h3>\n${htmlList(limits)}`}
${plotGrid(plots, 'scaling', 'coordination')}
${tables(scalingTables(simulation))}`;
}

function verdictsSection(figures: ProofFigures, verdicts: readonly Verdict[]): string {
  const metrics = [HIGHEST, MEMORY, ...LOAD_METRICS, ...FAULT_METRICS];
  const direction = (isHigherBetter: boolean): string => (isHigherBetter ? 'Higher is better.' : 'Lower is better.');
  return `<h3>The rule</h3>
${htmlList(ruleOf(figures))}
${contestsOf(verdicts)
  .map(
    (contest) =>
      `<h3>${escapeHtml(contestName(contest))}</h3>\n${htmlTable(verdictTable(contest))}\n${htmlDetails(contestName(contest), contest.verdicts)}`,
  )
  .join('\n')}
<h3>The metrics</h3>
${htmlTerms(metrics.map((metric) => [headingOf(metric), `${metric.about} ${direction(metric.isHigherBetter)}`]))}`;
}

function repeatSection({ setup: { command } }: ProofFigures): string {
  return `<pre>${escapeHtml(command)}</pre>
<p>The run is embedded in this page as JSON, in the element <code>run</code>. <a id="save" download="proof.json" hidden>Save it</a>; <code>meercat bench fleet --from proof.json --html page.html</code> shows it again.</p>`;
}
