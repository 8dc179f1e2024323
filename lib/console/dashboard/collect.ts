// An overview as the parts of the page that change.

import type { Overview } from '../../overview.js';
import type { ChartMark, ChartPoint, DashboardDelta, PicksDelta } from './delta-message.js';
import { fleetTables, signOfEvent } from './fleet-tables.js';
import { headSlots, tabTitle } from './head-slots.js';
import { html, type Markup } from './html.js';
import type { LiveParts } from './live.js';
import { livePicks } from './picks.js';
import { livePools } from './pool-sections.js';

/** The parts of the page, and what its module draws. */
export interface Collected {
  readonly live: LiveParts;
  readonly level: NonNullable<DashboardDelta['level']>;
  readonly title: string;
  readonly picks: PicksDelta;
  readonly history: readonly ChartPoint[];
  readonly marks: readonly ChartMark[];
}

/** Kinds of events that the charts mark. */
const MARKED =
  /^(?:master-elected|host-(?:ejected|out|down|drained|undrained)|site|maintenance-(?:began|ended)|restart-(?:began|ended))$|eject/;

/** Marks in the charts: more would hide the curves. */
const MOST_MARKS = 50;

const collected = new WeakMap<Overview, Collected>();

/** The parts of an overview; an overview is collected once, however often it is asked for. */
export function collect(overview: Overview): Collected {
  const known = collected.get(overview);
  if (known !== undefined) return known;
  const pools = livePools(overview);
  const picks = livePicks(overview);
  const result: Collected = {
    live: {
      sections: [pools.section],
      slots: new Map([...headSlots(overview), ...pools.slots, ...picks.slots, ...countSlots(overview)]),
      tables: [...fleetTables(overview), ...pools.tables],
      grids: pools.grids,
    },
    level: overview.verdict.level,
    title: tabTitle(overview),
    picks: picks.delta,
    history: overview.history.map(({ atMs, rps, errorRps, p50Ms, p99Ms, p999Ms }) => [atMs, rps, errorRps, p50Ms, p99Ms, p999Ms]),
    marks: overview.events
      .filter(({ kind }) => MARKED.test(kind))
      .slice(0, MOST_MARKS)
      .map(({ atMs, kind, text }) => [atMs, signOfEvent(kind), text]),
  };
  collected.set(overview, result);
  return result;
}

/** What stands for a table without rows. */
function countSlots({ events, costs, slowest }: Overview): [string, Markup][] {
  return [
    ['events-none', events.length === 0 ? html`Nothing happened in the last 15 minutes.` : html``],
    ['costs-none', costs.length === 0 ? html`No class of requests is known yet.` : html``],
    ['slowest-none', slowest.length === 0 ? html`No requests in the last minute.` : html``],
  ];
}
