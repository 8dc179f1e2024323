// What one event of the stream says: the difference of two overviews as pieces of HTML and numbers, never more than
// changed. It is idempotent: what it says can be applied twice.

import type { Overview } from '../../overview.js';
import { collect, type Collected } from './collect.js';
import type { ChartPoint, DashboardDelta, GridDelta, PicksDelta, TableDelta } from './delta-message.js';
import type { LiveParts, LiveGrid, LiveTable } from './live.js';
import { renderRow } from './live.js';

/**
 * The JSON of one event; empty when nothing changed that the page shows.
 * @param before what the page shows; undefined: it shows nothing, or what it shows is unknown
 */
export function renderDelta(before: Overview | undefined, now: Overview): string {
  const from = before === undefined ? undefined : collect(before);
  const to = collect(now);
  const renewed = to.live.sections.filter(({ id, shape }) => find(from?.live.sections, id)?.shape !== shape);
  const isRenewed = (section: string | undefined): boolean => renewed.some(({ id }) => id === section);
  const slots = [
    ...renewed.map((section): [string, string] => [section.id, section.render(to.live).text]),
    ...changedSlots(from?.live, to.live),
  ];
  const tables = to.live.tables
    // What stands in a new section is there already.
    .filter(({ section }) => !isRenewed(section))
    .map((table) => tableDelta(find(from?.live.tables, table.id), table))
    .filter((delta) => delta !== undefined);
  const grids = to.live.grids
    .map((grid) => gridDelta(isRenewed(grid.section) ? undefined : find(from?.live.grids, grid.id), grid))
    .filter((delta) => delta !== undefined);
  const changes = {
    ...(from === undefined ? { isWhole: true } : {}),
    ...(from?.level === to.level ? {} : { level: to.level }),
    ...(from?.title === to.title ? {} : { title: to.title }),
    ...(slots.length === 0 ? {} : { slots }),
    ...(tables.length === 0 ? {} : { tables }),
    ...(grids.length === 0 ? {} : { grids }),
    ...historyChanges(from?.history, to.history),
    ...(JSON.stringify(from?.marks) === JSON.stringify(to.marks) ? {} : { marks: to.marks }),
    ...(from !== undefined && isSamePicks(from.picks, to.picks) ? {} : { picks: to.picks }),
  };
  if (Object.keys(changes).length === 0) return '';
  const delta: DashboardDelta = { atMs: now.atMs, ...changes };
  return JSON.stringify(delta);
}

function find<T extends { readonly id: string }>(all: readonly T[] | undefined, id: string): T | undefined {
  return all?.find((each) => each.id === id);
}

function changedSlots(from: LiveParts | undefined, to: LiveParts): [string, string][] {
  return [...to.slots].filter(([id, { text }]) => from?.slots.get(id)?.text !== text).map(([id, { text }]) => [id, text]);
}

/** Undefined when nothing changed. */
function tableDelta(from: LiveTable | undefined, to: LiveTable): TableDelta | undefined {
  const known = new Map(from?.rows.map((row) => [row.key, row]));
  const added: [string, string][] = [];
  const cells: [string, number, string][] = [];
  const moods: [string, string][] = [];
  for (const row of to.rows) {
    const old = known.get(row.key);
    if (old === undefined) {
      added.push([row.key, renderRow(to, row).text]);
      continue;
    }
    if (old.mood !== row.mood) moods.push([row.key, row.mood]);
    for (const [index, { text }] of row.cells.entries()) if (old.cells[index]?.text !== text) cells.push([row.key, index, text]);
  }
  const isSameOrder = from?.rows.length === to.rows.length && from.rows.every(({ key }, place) => key === to.rows[place]?.key);
  if (isSameOrder && cells.length === 0 && moods.length === 0) return undefined;
  return {
    id: to.id,
    ...(added.length === 0 ? {} : { added }),
    ...(cells.length === 0 ? {} : { cells }),
    ...(moods.length === 0 ? {} : { moods }),
    ...(isSameOrder ? {} : { order: to.rows.map(({ key }) => key) }),
  };
}

function gridDelta(from: LiveGrid | undefined, to: LiveGrid): GridDelta | undefined {
  const hasSameNames = from?.names.length === to.names.length && from.names.every((name, index) => name === to.names[index]);
  const cells = to.cells.flatMap(([level, phrase], index): [number, string, string][] => {
    const [oldLevel, oldPhrase] = (hasSameNames ? from?.cells[index] : undefined) ?? [];
    return oldLevel === level && oldPhrase === phrase ? [] : [[index, level, phrase]];
  });
  if (hasSameNames && cells.length === 0) return undefined;
  return { id: to.id, ...(hasSameNames ? {} : { names: to.names }), cells };
}

/** New points alone, when the page has the one before them. */
function historyChanges(
  from: Collected['history'] | undefined,
  to: readonly ChartPoint[],
): Pick<DashboardDelta, 'history' | 'isNewHistory'> {
  const last = from?.at(-1);
  const place = last === undefined ? -1 : to.findLastIndex(([atMs]) => atMs === last[0]);
  if (place < 0) return to.length === 0 && from?.length === 0 ? {} : { history: to, isNewHistory: true };
  const added = to.slice(place + 1);
  return added.length === 0 ? {} : { history: added };
}

function isSamePicks(a: PicksDelta, b: PicksDelta): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
