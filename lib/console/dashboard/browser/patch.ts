// Applies deltas to the page. Rows stay where they are while the pointer or the focus is in their table, so that nobody
// clicks on a host that has just moved there; they are put in order afterwards.

import type { DashboardDelta, TableDelta } from '../delta-message.js';
import { localiseTimes, setContent } from './elements.js';

interface TableState {
  readonly body: HTMLElement;
  readonly rows: Map<string, HTMLTableRowElement>;
  /** An order that waits. */
  pending: readonly string[] | undefined;
}

const tables = new Map<string, TableState>();

/** Brings slots and tables up to date. */
export function applyDelta({ isWhole = false, slots = [], tables: changes = [] }: DashboardDelta): void {
  const focused = signOf(document.activeElement);
  for (const [id, html] of slots) {
    const slot = document.getElementById(id);
    if (slot !== null) setContent(slot, html);
  }
  for (const change of changes) applyTable(change, isWhole);
  if (focused !== undefined && document.activeElement === document.body) document.querySelector<HTMLElement>(focused)?.focus();
}

/** A selector for a button that is about to be replaced by its like. */
function signOf(active: Element | null): string | undefined {
  if (!(active instanceof HTMLElement)) return undefined;
  for (const [name, value] of Object.entries(active.dataset)) {
    if (['host', 'pool', 'id'].includes(name) && value !== undefined) return `button[data-${name}="${CSS.escape(value)}"]`;
  }
  return active.id === '' ? undefined : `#${CSS.escape(active.id)}`;
}

function stateOf(id: string): TableState | undefined {
  const known = tables.get(id);
  if (known?.body.isConnected) return known;
  const body = document.getElementById(id);
  if (body === null) return undefined;
  const state: TableState = { body, rows: new Map(), pending: undefined };
  for (const row of body.querySelectorAll('tr')) state.rows.set(row.dataset['key'] ?? '', row);
  for (const event of ['pointerleave', 'focusout']) body.addEventListener(event, () => queueMicrotask(() => settle(state)));
  tables.set(id, state);
  return state;
}

function applyTable({ id, added = [], cells = [], moods = [], order }: TableDelta, isWhole: boolean): void {
  const state = stateOf(id);
  if (state === undefined) return;
  if (isWhole) {
    state.rows.clear();
    state.body.replaceChildren();
  }
  for (const [key, html] of added) {
    const row = rowOf(html);
    if (row === undefined) continue;
    if (!isWhole) freshen(row);
    const old = state.rows.get(key);
    if (old === undefined) state.body.append(row);
    else old.replaceWith(row);
    state.rows.set(key, row);
  }
  for (const [key, index, html] of cells) {
    const cell = state.rows.get(key)?.cells[index];
    if (cell !== undefined) setContent(cell, html);
  }
  for (const [key, mood] of moods) {
    const row = state.rows.get(key);
    if (row === undefined) continue;
    row.className = mood;
    freshen(row);
  }
  if (order === undefined) return;
  state.pending = order;
  const named = new Set(order);
  for (const [key, row] of state.rows) {
    if (named.has(key)) continue;
    row.remove();
    state.rows.delete(key);
  }
  settle(state);
}

/** Puts the rows in the order that waits, unless somebody is about to use one. */
function settle(state: TableState): void {
  const { body, rows, pending } = state;
  if (pending === undefined || (body.querySelector('button') !== null && body.matches(':hover, :focus-within'))) return;
  state.pending = undefined;
  let next = body.firstElementChild;
  for (const key of pending) {
    const row = rows.get(key);
    if (row === undefined) continue;
    if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
  }
}

function rowOf(html: string): HTMLTableRowElement | undefined {
  const template = document.createElement('template');
  template.innerHTML = html;
  const row = template.content.querySelector('tr');
  if (row === null) return undefined;
  localiseTimes(row);
  return row;
}

/** Marks what is new for some seconds, for the eye. */
function freshen(row: HTMLTableRowElement): void {
  row.classList.remove('fresh');
  requestAnimationFrame(() => row.classList.add('fresh'));
  row.addEventListener('animationend', () => row.classList.remove('fresh'), { once: true });
}
