// Who may write which column of the shared host table (lib/table/layout.ts), as a check on one file's path and text. It
// knows a write by the column's name behind `columns.` or `view.`, and in files that import the table's layout by the
// name alone: an assignment to a cell, or a method that changes cells. A write through another name is not seen.

import type { FleetColumns, TrafficColumns } from '../../lib/table/layout.js';
import type { Check } from './import-rules.js';
import { importsOf, lineAt, viewsOf } from './source-text.js';

const FLEET_COLUMNS = {
  wideHeader: true,
  fleet: true,
  classCost: true,
  lists: true,
  pool: true,
  poolHeader: true,
  cpu: true,
  memory: true,
  cores: true,
  usage: true,
  reportedAt: true,
  state: true,
  out: true,
  fleetInflight: true,
  fleetLongLived: true,
  othersLongLived: true,
  warmSince: true,
  operator: true,
  fleetWork: true,
  othersInflight: true,
  othersWork: true,
  capacity: true,
  speed: true,
  weight: true,
} as const satisfies Record<keyof FleetColumns, true>;

const TRAFFIC_COLUMNS = {
  reportedCostCount: true,
  reportedCostMs: true,
  known: true,
  inflight: true,
  awaited: true,
  longLived: true,
  work: true,
  served: true,
  startSum: true,
  elapsedSum: true,
  workDone: true,
  busyMs: true,
  workSquares: true,
  workByDuration: true,
  durationSquares: true,
  servedByClass: true,
  busyByClass: true,
  avoidUntil: true,
  ejectedUntil: true,
  failing: true,
  trafficTotals: true,
  answers: true,
  poolErrors: true,
  poolLatency: true,
  poolLatencySumMs: true,
  openRequests: true,
  attempts: true,
  hostErrors: true,
  hostLatency: true,
  hostLatencySumMs: true,
  queued: true,
} as const satisfies Record<keyof TrafficColumns, true>;

/** Who writes the columns of each thread, as beginnings of paths. A table is made in layout.ts; the lab plays the traffic thread of its tables. */
const WRITERS = {
  fleet: ['lib/table/fleet-cells.ts', 'lib/table/layout.ts'],
  traffic: [
    'lib/table/own-requests.ts',
    'lib/table/traffic-cells.ts',
    'lib/traffic/host/',
    'lib/lab/picker.ts',
    'lib/lab/simulation/fleet-balancer.ts',
  ],
} as const;

/** `header` is of both: its cell tells. */
const COLUMN = new RegExp(
  `(?<![\\w$])(?:${['header', ...Object.keys(FLEET_COLUMNS), ...Object.keys(TRAFFIC_COLUMNS)].join('|')})(?![\\w$])`,
  'g',
);

const ASSIGNED = /^\s*(?:(?:[-+*/%&|^]|\*\*|<<|>>>?|\?\?|&&|\|\|)?=(?![=>])|\+\+|--)/;
const CHANGING_METHOD = /^\s*\.\s*(?:fill|set|copyWithin|sort|reverse)\s*\(/;
const ATOMIC_WRITE = /\bAtomics\s*\.\s*(?:store|add|sub|and|or|xor|exchange|compareExchange)\s*\(\s*[\w$.#]*$/;
const COUNTED_BEFORE = /(?:\+\+|--)[\w$.#]*$/;

/** Each column of the shared table is written by its thread alone, in the files named for it. */
export const checkColumnWriters: Check = (path, text) => {
  if (!path.startsWith('lib/')) return [];
  const { code } = viewsOf(text);
  const hasLayout = importsOf(text).some(({ specifier }) => /(?:^|\/)layout\.js$/.test(specifier));
  return [...code.matchAll(COLUMN)].flatMap(({ 0: column, index }) => {
    const end = endOfCell(code, index + column.length);
    const [before, after] = [code.slice(Math.max(0, index - 80), index), code.slice(end)];
    if (!hasLayout && !/(?<![\w$])(?:columns|view)\s*\.\s*$/.test(before)) return [];
    const isCell = end > index + column.length;
    const isWritten =
      (isCell && (ASSIGNED.test(after) || COUNTED_BEFORE.test(before))) || CHANGING_METHOD.test(after) || ATOMIC_WRITE.test(before);
    if (!isWritten) return [];
    const isTraffic = column in TRAFFIC_COLUMNS || (column === 'header' && /^header\W*HEADER\.inflight\b/.test(code.slice(index)));
    const thread = isTraffic ? 'traffic' : 'fleet';
    if (WRITERS[thread].some((writer) => path.startsWith(writer))) return [];
    return [`${path}:${lineAt(code, index)}: ${column} is a column of the ${thread} thread's, which is written in ${WRITERS[thread][0]}`];
  });
};

/** Where the brackets behind a column's name end: of one cell, or of the cell of one of several columns. */
function endOfCell(code: string, from: number): number {
  let end = from;
  while (code[end] === '[') {
    let depth = 0;
    do {
      if (code[end] === '[') depth++;
      if (code[end] === ']') depth--;
      end++;
    } while (depth > 0 && end < code.length);
  }
  return end;
}
