// The pools: a line of figures, the table of its hosts, and for a large one the heat grid.

import type { Overview, OverviewPool } from '../../overview.js';
import { formatMs, formatNumber, formatShare } from './format.js';
import { HOST_HEADS, hostGrid, hostTable, MOST_ROWS, POOLS_SECTION, WORST_SHOWN } from './host-rows.js';
import { html, type Markup } from './html.js';
import { type LiveParts, type LiveGrid, type LiveSection, type LiveTable, renderSlot, renderTable } from './live.js';

/** The pools of an overview as parts of the page. */
export function livePools(overview: Overview): { section: LiveSection; slots: [string, Markup][]; tables: LiveTable[]; grids: LiveGrid[] } {
  const { pools } = overview;
  const tables = pools.map((pool, index) => hostTable(`pool-${index}-hosts`, pool.hosts, overview));
  const grids = pools.flatMap((pool, index) => (isLarge(pool) ? [hostGrid(`pool-${index}-grid`, pool.hosts, overview)] : []));
  return {
    section: {
      id: POOLS_SECTION,
      shape: JSON.stringify(
        pools.map((pool) => [pool.name, isLarge(pool) ? pool.hosts.map(({ name }) => name).toSorted() : [], pool.maintenance]),
      ),
      render: (live) => html`${pools.map((pool, index) => renderPool(pool, index, live))}`,
    },
    slots: pools.map((pool, index) => [`pool-${index}-line`, poolLine(pool)]),
    tables,
    grids,
  };
}

const isLarge = (pool: OverviewPool): boolean => pool.hosts.length > MOST_ROWS;

function renderPool(pool: OverviewPool, index: number, live: LiveParts): Markup {
  const table = live.tables.find(({ id }) => id === `pool-${index}-hosts`);
  const grid = live.grids.find(({ id }) => id === `pool-${index}-grid`);
  const caption = `Hosts of pool ${pool.name}, the worst first${grid === undefined ? '' : `: ${WORST_SHOWN} of ${pool.hosts.length}`}`;
  return html`<section class="pool" aria-labelledby="pool-${index}-name"><header><h3 id="pool-${index}-name">${pool.name}</h3>${renderSlot(live, `pool-${index}-line`, 'p', html`class="line"`)}<button type="button" class="hand-button" data-pool="${pool.name}" data-maintenance="${pool.maintenance ?? ''}" aria-haspopup="dialog" aria-label="Actions for pool ${pool.name}">⋯</button></header>${grid === undefined ? null : renderGrid(grid, pool.name)}${table === undefined ? null : renderTable(table, { caption, heads: HOST_HEADS, kind: 'hosts' })}</section>`;
}

/** What stands beside a pool's name. */
function poolLine({ algorithm, maintenance, isPanic, figures, hosts }: OverviewPool): Markup {
  const up = hosts.filter(({ state, operator, ejectedBy }) => state !== 'down' && operator === null && ejectedBy.length === 0).length;
  const tags = [
    ...(maintenance === null ? [] : [html` <strong class="tag warn">maintenance: answers ${maintenance}</strong>`]),
    ...(isPanic ? [html` <strong class="tag bad">panic: too few hosts are well, all get requests</strong>`] : []),
  ];
  const rates =
    figures === null
      ? null
      : html` · ${formatNumber(figures.rps)} req/s · ${formatNumber(figures.inflight)} in flight · p50 ${formatMs(figures.minute.p50Ms)} · p99 ${formatMs(figures.minute.p99Ms)} · errors ${formatShare(figures.rps > 0 ? figures.errorRps / figures.rps : 0)}`;
  return html`${up} of ${hosts.length} hosts well · ${algorithm}${rates}${tags}`;
}

/** Width of a grid in cells, and a cell with its gap. */
const GRID_COLUMNS = 50;
const CELL = 12;

/** One square for each host. The page's module makes it answer to arrow keys and the pointer. */
function renderGrid({ id, names, cells }: LiveGrid, pool: string): Markup {
  const rows = Math.ceil(names.length / GRID_COLUMNS);
  const squares = cells.map(
    ([level], index) =>
      html`<rect class="${level}" x="${(index % GRID_COLUMNS) * CELL}" y="${Math.floor(index / GRID_COLUMNS) * CELL}" width="${CELL - 2}" height="${CELL - 2}"/>`,
  );
  const name = `CPU of all ${names.length} hosts of pool ${pool}: arrow keys choose one, Enter opens its actions`;
  return html`<figure class="heat"><svg id="${id}" class="grid" viewBox="0 0 ${GRID_COLUMNS * CELL} ${rows * CELL}" role="application" tabindex="0" aria-label="${name}" aria-describedby="${id}-said" data-columns="${GRID_COLUMNS}">${squares}</svg><figcaption><span class="legend" aria-hidden="true">CPU 0 % ${Array.from({ length: 10 }, (_, level) => html`<svg width="10" height="10"><rect class="heat-${level}" width="10" height="10"/></svg>`)} 100 %</span> <output id="${id}-said">Each square is a host; choose one to see its figures.</output></figcaption></figure>`;
}
