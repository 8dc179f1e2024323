// The stream's deltas: a small model of the page, brought from overview to overview by deltas alone, stays the same as a
// page that is rendered anew.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { renderDelta } from '../../../lib/console/dashboard/delta.js';
import type { DashboardDelta } from '../../../lib/console/dashboard/delta-message.js';
import type { Overview } from '../../../lib/overview.js';
import { START_MS, overviewOf } from '../../support/fleet-overviews.js';

const test = suite('dashboard delta');

const decode = (before: Overview | undefined, now: Overview): DashboardDelta => JSON.parse(renderDelta(before, now)) as DashboardDelta;

/** What a page would hold. Rows are lists of cells. */
class PageModel {
  readonly slots = new Map<string, string>();
  readonly tables = new Map<string, Map<string, { mood: string; cells: string[] }>>();
  readonly grids = new Map<string, (readonly [string, string])[]>();
  points: unknown[] = [];
  rest: Record<string, unknown> = {};

  apply({ slots = [], tables = [], grids = [], history = [], isNewHistory, ...rest }: DashboardDelta): this {
    for (const [id, html] of slots) {
      if (id === 'pools') this.#takePools(html);
      else this.slots.set(id, html);
    }
    for (const { id, added = [], cells = [], moods = [], order } of tables) {
      const rows = this.tables.get(id) ?? new Map<string, { mood: string; cells: string[] }>();
      for (const [key, html] of added) rows.set(key, rowOf(html));
      for (const [key, index, html] of cells) (rows.get(key) as { cells: string[] }).cells[index] = html;
      for (const [key, mood] of moods) (rows.get(key) as { mood: string }).mood = mood;
      const names = order ?? [...rows.keys()];
      this.tables.set(id, new Map(names.map((key) => [key, rows.get(key) as { mood: string; cells: string[] }])));
    }
    for (const { id, names, cells } of grids) {
      const held = names === undefined ? (this.grids.get(id) as (readonly [string, string])[]) : names.map(() => ['', ''] as const);
      for (const [index, level, phrase] of cells) held[index] = [level, phrase];
      this.grids.set(id, held);
    }
    this.points = isNewHistory ? [...history] : [...this.points, ...history];
    const { isWhole: _isWhole, atMs: _atMs, ...others } = rest;
    this.rest = { ...this.rest, ...others };
    return this;
  }

  /** A new section has all of its tables. */
  #takePools(html: string): void {
    for (const id of this.tables.keys()) if (id.startsWith('pool-')) this.tables.delete(id);
    for (const [, id = '', body = ''] of html.matchAll(/<tbody id="([^"]*)">(.*?)<\/tbody>/g)) {
      const rows = [...body.matchAll(/<tr data-key="([^"]*)".*?<\/tr>/g)];
      this.tables.set(id, new Map(rows.map(([row, key = '']) => [key, rowOf(row)])));
    }
  }
}

function rowOf(html: string): { mood: string; cells: string[] } {
  return {
    mood: /class="([^"]*)"/.exec(html)?.[1] ?? '',
    cells: [...html.matchAll(/<t[dh][^>]*>(.*?)<\/t[dh]>/g)].map(([, content]) => content as string),
  };
}

/** Overviews in which everything happens: hosts come, go, change places and states, pools and events are added. */
function changingOverviews(): Overview[] {
  const first = overviewOf({ hosts: 5, balancers: 2 });
  const second = overviewOf({ hosts: 5, balancers: 2, second: 1 });
  const reversed = { ...second, pools: second.pools.map((pool) => ({ ...pool, hosts: pool.hosts.toReversed() })) };
  const large = overviewOf({ hosts: 130, balancers: 3, second: 2 });
  const ejected = {
    ...overviewOf({ hosts: 130, balancers: 3, second: 5 }),
    events: [{ atMs: START_MS, kind: 'host-out', name: 'h3', text: 'h3 was ejected' }, ...first.events],
    verdict: { level: 'warn' as const, text: 'h3 is ejected' },
  };
  const twoPools = { ...ejected, pools: [...ejected.pools, { ...(first.pools[0] as (typeof first.pools)[0]), name: 'api' }] };
  const small = overviewOf({ hosts: 4, balancers: 1, second: 11 }, { balancers: [], slowest: [], costs: [], events: [] });
  return [first, second, reversed, large, ejected, twoPools, small, first];
}

test('a page that goes by deltas alone holds what a new one would', () => {
  const overviews = changingOverviews();
  const page = new PageModel().apply(decode(undefined, overviews[0] as Overview));
  for (const [place, now] of overviews.entries()) {
    if (place > 0) page.apply(decode(overviews[place - 1], now));
    const anew = new PageModel().apply(decode(undefined, now));
    for (const id of anew.slots.keys()) assert.is(page.slots.get(id), anew.slots.get(id), `${place}: ${id}`);
    for (const id of anew.tables.keys())
      assert.equal([...(page.tables.get(id) ?? [])], [...(anew.tables.get(id) ?? [])], `${place}: ${id}`);
    for (const id of anew.grids.keys()) assert.equal(page.grids.get(id), anew.grids.get(id), `${place}: ${id}`);
    assert.equal(page.rest, anew.rest, `${place}`);
    assert.equal(page.points.slice(-anew.points.length), anew.points, `${place}`);
  }
});

test('nothing is said when nothing changed, and a delta can be applied twice', () => {
  const [first, second] = changingOverviews() as [Overview, Overview];
  assert.is(renderDelta(first, structuredClone(first)), '');
  const page = new PageModel().apply(decode(undefined, first)).apply(decode(first, second));
  const before = structuredClone({ slots: page.slots, tables: page.tables });
  page.apply({ ...decode(first, second), history: [] });
  assert.equal({ slots: page.slots, tables: page.tables }, before);
});

test('a delta names the cells that changed and no others', () => {
  const first = overviewOf({ hosts: 3, balancers: 1 });
  const pools = first.pools.map((pool) => ({
    ...pool,
    hosts: pool.hosts.map((host, index) => (index === 1 ? { ...host, rps: 7 } : host)),
  }));
  assert.equal(decode(first, { ...first, pools }), { atMs: first.atMs, tables: [{ id: 'pool-0-hosts', cells: [['h2', 2, '7']] }] });
});

test('a host that is drained changes its sign, its state and its button', () => {
  const first = overviewOf({ hosts: 2, balancers: 1 });
  const pools = first.pools.map((pool) => ({ ...pool, hosts: pool.hosts.map((host) => ({ ...host, operator: 'drained' as const })) }));
  const { tables = [], picks } = decode(first, { ...first, pools });
  assert.equal(tables[0]?.moods, [
    ['h1', 'off'],
    ['h2', 'off'],
  ]);
  assert.match(JSON.stringify(tables[0]?.cells), /drained/);
  // Nobody may be picked: whatever is picked is too much.
  assert.match(picks?.ratios[0] ?? '', /^zz$/);
});

test('a section that is new has its tables in it, and its grid anew', () => {
  const first = overviewOf({ hosts: 130, balancers: 1 });
  const { tables = [], grids = [] } = decode(first, {
    ...first,
    pools: first.pools.map((pool) => Object.assign({}, pool, { maintenance: 503 })),
  });
  assert.equal(tables, []);
  assert.is(grids[0]?.names?.length, 130);
});

test('new points of the charts come alone, and all of them after a gap', () => {
  const at = (second: number): Overview => overviewOf({ hosts: 1, balancers: 1, second });
  assert.is(decode(at(0), at(5)).history?.length, 1);
  assert.is(decode(at(0), at(5)).isNewHistory, undefined);
  const afterGap = decode(at(0), at(5000));
  assert.is(afterGap.isNewHistory, true);
  assert.is(afterGap.history?.length, 60);
});

test('a column that every balancer picks three times as often as is fair is called a herd, even ones are not', () => {
  const saidOf = (overview: Overview): string => decode(undefined, overview).slots?.find(([id]) => id === 'picks-said')?.[1] ?? '';
  const overview = overviewOf({ hosts: 6, balancers: 3 });
  const pools = overview.pools.map((pool) => ({ ...pool, hosts: pool.hosts.map((host) => ({ ...host, cores: 2 })) }));
  const { balancers, hosts } = overview.picks;
  const matrix = (row: readonly number[]): Overview => ({
    ...overview,
    pools,
    picks: { balancers, hosts, picks: balancers.map(() => row) },
  });
  assert.match(saidOf(matrix([40, 42, 38, 41, 40, 39])), /<strong>Even<\/strong>: h2 gets the most, 1\.0 ×/);
  assert.match(
    saidOf(matrix([40, 40, 400, 40, 40, 40])),
    /<strong>A herd<\/strong>: h3 gets the most, 4\.0 × its fair share \(67 % of 1800 picks/,
  );
  assert.is(decode(undefined, matrix([40, 40, 400, 40, 40, 40])).picks?.ratios[0], '44z444');
  assert.match(saidOf(matrix([0, 0, 0, 0, 0, 0])), /No picks/);
});

test('the fair share goes by cores', () => {
  const overview = overviewOf({ hosts: 2, balancers: 1 });
  const pools = overview.pools.map((pool) => ({
    ...pool,
    hosts: pool.hosts.map((host, index) => ({ ...host, cores: index === 0 ? 3 : 1 })),
  }));
  const { picks } = decode(undefined, { ...overview, pools, picks: { balancers: ['b1'], hosts: ['h1', 'h2'], picks: [[300, 100]] } });
  assert.equal(picks?.ratios, ['aa']);
});

test.run();
