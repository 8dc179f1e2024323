// Parts of the page of `bench fleet`: tables, lists and places of plots. Invariant: every text is escaped here, since the
// figures may come from a file.

import { escapeHtml } from '../html-page.js';
import type { Rows } from '../report.js';
import { verdictText } from './answer.js';
import type { Outcome } from './compare.js';
import { type Plot, plotRows } from './plot.js';
import { ratioText, spreadText } from './spread.js';
import type { ProofTable } from './tables.js';
import type { Verdict } from './verdicts.js';

/** Class of a cell by its outcome. */
export const OUTCOME_CLASS: Readonly<Record<Outcome, string>> = {
  better: 'better',
  equal: 'equal',
  worse: 'worse',
  'not shown': 'not-shown',
};

/** A table that scrolls by itself on narrow screens, by keyboard too. */
export function htmlTable({ caption, rows }: ProofTable): string {
  const [heading = [], ...rest] = rows;
  return `<div class="scroll" role="region" tabindex="0" aria-label="${escapeHtml(caption)}"><table>
<caption>${escapeHtml(caption)}</caption>
<thead><tr>${heading.map((cell) => `<th scope="col">${escapeHtml(String(cell))}</th>`).join('')}</tr></thead>
<tbody>
${rest.map(htmlRow).join('\n')}
</tbody>
</table></div>`;
}

function htmlRow([first = '', ...rest]: Rows[number]): string {
  return `<tr><th scope="row">${escapeHtml(String(first))}</th>${rest.map((cell) => htmlCell(String(cell))).join('')}</tr>`;
}

/** A cell; one that opens with an outcome is marked as such. */
function htmlCell(text: string): string {
  const outcome = (Object.keys(OUTCOME_CLASS) as Outcome[]).find((each) => text === each || text.startsWith(`${each},`));
  return `<td${outcome === undefined ? '' : ` class="${OUTCOME_CLASS[outcome]}"`}>${escapeHtml(text)}</td>`;
}

/** Every verdict of a contest with both figures and the reason. */
export function htmlDetails(caption: string, verdicts: readonly Verdict[]): string {
  const table: ProofTable = {
    caption,
    rows: [
      ['metric', 'against', 'fleet', 'other', 'ratio', 'verdict', 'why'],
      ...verdicts.map((verdict) => {
        const { name, unit, factor, opponent, fleetFigure, opponentFigure, ratio, reason } = verdict;
        return [
          unit === '' ? name : `${name}, ${unit}`,
          opponent,
          spreadText(fleetFigure, factor),
          spreadText(opponentFigure, factor),
          ratioText(ratio),
          verdictText(verdict),
          reason,
        ];
      }),
    ],
  };
  return `<details><summary>${escapeHtml(caption)}: all figures and reasons</summary>\n${htmlTable(table)}\n</details>`;
}

/** The place of a plot, with its alternative: what it shows in words, and its figures as a table. */
export function htmlPlot(plot: Plot): string {
  const { id, title, about } = plot;
  const isWide = plot.x.isCategories === true;
  return `<figure id="${escapeHtml(id)}"${isWide ? ' class="wide"' : ''}>
<h3>${escapeHtml(title)}</h3>
<div class="plot" data-plot="${escapeHtml(id)}" role="img" aria-label="${escapeHtml(`${title}. ${about} The table below has the figures.`)}"></div>
<figcaption>${escapeHtml(about)}</figcaption>
<details><summary>Figures of this plot</summary>
${htmlTable({ caption: `${title}, ${plot.y.label}`, rows: plotRows(plot) })}
</details>
</figure>`;
}

/** A list of sentences. */
export function htmlList(items: readonly string[]): string {
  return `<ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join('\n')}</ul>`;
}

/** Terms with what they mean. */
export function htmlTerms(terms: readonly (readonly [term: string, text: string])[]): string {
  return `<dl>${terms.map(([term, text]) => `<dt>${escapeHtml(term)}</dt><dd>${escapeHtml(text)}</dd>`).join('\n')}</dl>`;
}
