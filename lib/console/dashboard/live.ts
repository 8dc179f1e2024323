// What changes on the page while it is open: slots (an element's content, by its id), tables (rows by key, cells by
// index), grids (cells by index), and sections that hold those. The page holds them in full; a delta holds what differs.

import { html, Markup } from './html.js';

/** A row of a table. */
export interface LiveRow {
  /** Unique in its table, whatever it contains. */
  readonly key: string;
  /** Classes of the row: `good`, `warn`, `bad`, `off`. */
  readonly mood: string;
  /** The content of each cell; the one at `headIndex` of the table names the row. */
  readonly cells: readonly Markup[];
}

/** A table whose rows come, go and change. */
export interface LiveTable {
  /** The id of its tbody. */
  readonly id: string;
  /** The section that it stands in; absent: none. */
  readonly section?: string;
  /** Classes of the cells, by index. */
  readonly classes: readonly string[];
  readonly headIndex: number;
  readonly rows: readonly LiveRow[];
}

/** A grid of one cell for each host. */
export interface LiveGrid {
  readonly id: string;
  /** The section that it stands in. */
  readonly section: string;
  /** The hosts, in the order of the cells. */
  readonly names: readonly string[];
  /** For each host its class, such as `heat-6` or `heat-down`, and a phrase of its figures. */
  readonly cells: readonly (readonly [level: string, phrase: string])[];
}

/** A part of the page that is replaced as a whole when what it is made of changes; slots, tables and grids may stand in it. */
export interface LiveSection {
  readonly id: string;
  /** Another text: another section. */
  readonly shape: string;
  render(live: LiveParts): Markup;
}

/** All that changes. */
export interface LiveParts {
  readonly sections: readonly LiveSection[];
  readonly slots: ReadonlyMap<string, Markup>;
  readonly tables: readonly LiveTable[];
  readonly grids: readonly LiveGrid[];
}

/** A row as HTML. */
export function renderRow(table: LiveTable, { key, mood, cells }: LiveRow): Markup {
  const inner = cells.map((cell, index) =>
    index === table.headIndex
      ? html`<th scope="row" class="${table.classes[index] ?? ''}">${cell}</th>`
      : html`<td class="${table.classes[index] ?? ''}">${cell}</td>`,
  );
  return html`<tr data-key="${key}" class="${mood}">${inner}</tr>`;
}

/** What a table is made of besides its rows. */
export interface TableFrame {
  /** For screen readers. */
  readonly caption: string;
  /** The head of each column: what it says, and what a pointer that rests on it is told. */
  readonly heads: readonly (readonly [label: string, title: string])[];
  /** A class of the whole table. */
  readonly kind: string;
}

/** A whole table. */
export function renderTable(table: LiveTable, { caption, heads, kind }: TableFrame): Markup {
  const cells = heads.map(
    ([label, title], index) => html`<th scope="col" class="${table.classes[index] ?? ''}" title="${title}">${label}</th>`,
  );
  const rows = table.rows.map((row) => renderRow(table, row));
  return html`<div class="scroll"><table class="${kind}"><caption>${caption}</caption><thead><tr>${cells}</tr></thead><tbody id="${table.id}">${rows}</tbody></table></div>`;
}

/** An element whose content is a slot. */
export function renderSlot(live: LiveParts | undefined, id: string, tag = 'div', attributes: Markup | null = null): Markup {
  const name = new Markup(tag);
  return html`<${name} id="${id}"${attributes === null ? null : html` ${attributes}`}>${live?.slots.get(id) ?? null}</${name}>`;
}
