// Facts for metrics that tests make up, over a table of their own; and the text of metrics as a parser of the formats sees
// it. The parser takes only what both formats allow, and names the first line that is wrong.

import { groupHosts, type MetricsFacts } from '../../lib/console/metrics/facts.js';
import { HostHistograms } from '../../lib/console/metrics/histograms.js';
import { createTable, openTable } from '../../lib/table/layout.js';

/** Facts of a balancer that nothing has happened to yet, with two hosts; `over` replaces some. */
export function buildFacts(over: Partial<MetricsFacts> = {}): MetricsFacts {
  return {
    balancer: 'b1',
    version: '0.1.0',
    nowMs: 100_000,
    columns: openTable(createTable(8)),
    pools: [['default', 0]],
    hosts: groupHosts([
      { slot: 0, name: 'h1', url: 'http://127.0.0.1:1' },
      { slot: 1, name: 'h2', url: 'http://127.0.0.1:2' },
    ]),
    histograms: new HostHistograms(),
    siteVersion: 0,
    costs: [],
    isMaster: false,
    term: 0,
    leaseRemainingMs: 0,
    tableAgeMs: Number.NaN,
    exchangeIntervalMs: 50,
    isRedisUp: true,
    redisRttMs: Number.NaN,
    balancers: 1,
    certificates: [],
    fleetThreadLag: { meanMs: 0, p99Ms: 0, maxMs: 0 },
    process: { startedAtMs: 0, cpuUserMs: 0, cpuSystemMs: 0, residentBytes: 0, virtualBytes: 0, openFds: 0, maxFds: 0 },
    ...over,
  };
}

/** The text of a scrape, taken apart. */
export interface Scrape {
  /** The type of each family, by the name after `# TYPE`. */
  readonly types: ReadonlyMap<string, string>;
  /** Every value by its name and labels, as they were written. */
  readonly values: ReadonlyMap<string, number>;
}

const NUMBER = String.raw`[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN`;
const LABEL = String.raw`[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"`;
const VALUE_LINE = new RegExp(String.raw`^([a-zA-Z_]\w*)(\{${LABEL}(?:,${LABEL})*\})? (${NUMBER})$`);
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  'prometheus counter': [''],
  'prometheus gauge': [''],
  'prometheus histogram': ['_bucket', '_sum', '_count'],
  'openmetrics counter': ['_total'],
  'openmetrics gauge': [''],
  'openmetrics histogram': ['_bucket', '_sum', '_count'],
  'openmetrics info': ['_info'],
};

/** Takes the text of a scrape apart. Throws at the first line that the format does not allow. */
export function parseScrape(text: string): Scrape {
  const isOpen = text.endsWith('# EOF\n');
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const types = new Map<string, string>();
  const values = new Map<string, number>();
  const helped = new Set<string>();
  let family = '';
  const lines = (isOpen ? text.slice(0, -'# EOF\n'.length) : text).split('\n').slice(0, -1);
  for (const line of lines) {
    const wrong = (why: string): Error => new Error(`${why}: ${line}`);
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE|UNIT) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      if (helped.has(name)) throw wrong('a second family of this name');
      helped.add((family = name));
    } else if (kind === 'TYPE') {
      if (name !== family || !(`${isOpen ? 'openmetrics' : 'prometheus'} ${rest}` in SUFFIXES)) throw wrong('no such type here');
      types.set(name, rest);
    } else if (kind === 'UNIT') {
      if (!isOpen || name !== family || !name.endsWith(`_${rest}`)) throw wrong('no such unit here');
    } else {
      const [, series = '', labels = '', value = ''] = VALUE_LINE.exec(line) ?? [];
      const suffixes = SUFFIXES[`${isOpen ? 'openmetrics' : 'prometheus'} ${types.get(family)}`] ?? [];
      if (!suffixes.some((suffix) => series === family + suffix)) throw wrong('no value of its family');
      if (values.has(series + labels)) throw wrong('twice');
      values.set(series + labels, Number(value.replace('Inf', 'Infinity')));
    }
  }
  return { types, values };
}
