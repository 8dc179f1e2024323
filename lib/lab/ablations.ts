// What `bench ablation` switches off: each constant of the adaptive path, and the value with which it has no effect, or
// at least another one. Invariant, tested: every top-level numeric constant of ADAPTIVE_PATH is either here or a limit,
// and every entry exists.

/** The compiled files that decide where a request goes, without `.js`, in lib/; a `*` at the end stands for any ending. */
export const ADAPTIVE_PATH: readonly string[] = [
  'routing/adaptive',
  'routing/draw-by-capacity',
  'learning/capacity',
  'learning/cost-*',
  'learning/robust-fit',
  'learning/record-table',
  'learning/work-windows',
  'hosts/fleet-costs',
  'redis/load-interval',
  'table/neutral',
  'fleet/own-loads',
  'fleet/feed-forward',
];

/** One constant and its replacement. A constant may have several. */
export interface Ablation {
  /** The file in lib/, without ending. */
  readonly file: string;
  readonly name: string;
  /** A JavaScript expression; constants declared above it may be used. */
  readonly value: string;
  /** What the rule does then. */
  readonly off: string;
}

/** Constants that decide nothing about a pick, or nothing that the simulation shows. */
export interface Limits {
  readonly file: string;
  readonly names: readonly string[];
  readonly reason: string;
}

/** The ablations of one file: `[name, value, what the rule does then]` for each. */
function inFile(file: string, entries: readonly (readonly [name: string, value: string, off: string])[]): Ablation[] {
  return entries.map(([name, value, off]) => ({ file, name, value, off }));
}

/** All ablations. */
export const ABLATIONS: readonly Ablation[] = [
  ...inFile('routing/adaptive', [
    ['CHOICES', '2', 'two hosts are drawn'],
    ['CHOICES', '5', 'five hosts are drawn'],
    ['DEAR_CHOICES', 'CHOICES', 'expensive requests draw no more hosts than others'],
    ['DEAR', '0', 'all requests draw as many hosts as expensive ones'],
    ['WORK_WEIGHT', '0', 'work in flight does not count'],
    ['WORK_WEIGHT', '0.3', 'work in flight counts three times as much'],
    ['OLD_MS', '1e9', 'tables are used at any age'],
    ['EQUAL', '0', 'the smallest difference of speed counts'],
  ]),
  ...inFile('routing/draw-by-capacity', [['MOST_DRAWS', '1', 'hosts are drawn uniformly, whatever their capacity']]),
  ...inFile('learning/capacity', [
    ['HALF_LIFE_MS', '1000', 'evidence lasts ten times as long'],
    ['SATURATED', '0', 'a host without an agent never counts as saturated'],
    ['MAX_OVER_MEDIAN', '1e9', 'the speed has no upper bound'],
  ]),
  ...inFile('learning/cost-model', [
    ['FIT_EVERY_MS', 'Infinity', 'costs are never fitted'],
    ['ACCURACY', '1e9', 'a fit that explains more CPU than is used is accepted'],
    ['MIN_EXPLAINED', '0', 'a fit that explains nothing is accepted'],
  ]),
  ...inFile('learning/robust-fit', [
    ['FIT_ITERATIONS', '1', 'rows are not weighed anew'],
    ['OUTLIERS', '0.5', 'half of the rows are expected to be outliers'],
  ]),
  ...inFile('learning/work-windows', [
    ['HALF_LIFE_MS', '1e12', 'evidence of costs never fades'],
    ['MIN_WINDOW_MS', '1', 'every report is a window of its own'],
    ['LAG', '0', 'a window is complete with the next report'],
    ['FULL', '1', 'saturated hosts are evidence too'],
  ]),
  ...inFile('learning/cost-classes', [['MIN_COUNT', '0.1', 'the rarest class is fitted']]),
  ...inFile('hosts/fleet-costs', [['PUBLISHED_CHANGE', '0', 'every change of a cost is published']]),
  ...inFile('redis/load-interval', [
    ['MIN_INTERVAL_MS', '50', 'tables are published every 50 ms'],
    ['MS_PER_MEMBER', '0', 'the interval does not grow with the fleet'],
    ['EARLY', '0', 'a balancer answers every table at once'],
    ['EARLY', '1', 'a table that comes slightly early is not answered at once'],
    ['REPORT_WAIT_MS', 'Infinity', 'reports wait as long as loads'],
    ['KEEP_ALIVE_MS', 'Infinity', 'nothing is sent again, and an idle balancer is silent'],
    ['LEARN_MS', '1000', 'capacities are updated once a second'],
  ]),
];

/** Numeric constants of the adaptive path that are no rules for picks. */
export const LIMITS: readonly Limits[] = [
  { file: 'routing/adaptive', names: ['MOST_CHOICES'], reason: 'bounds a loop; there are fewer hosts in most scenarios' },
  { file: 'routing/draw-by-capacity', names: ['LOT'], reason: 'resolution of a random draw' },
  { file: 'learning/capacity', names: ['MEMORY_TIGHT'], reason: 'simulated hosts do not run out of memory' },
  { file: 'learning/cost-model', names: ['MAX_FIGURE'], reason: 'bound of what a message may contain' },
  { file: 'learning/robust-fit', names: ['MOST_UNITS'], reason: 'bounds of a cost that no simulated host reaches' },
  {
    file: 'learning/record-table',
    names: ['FIRST_COLUMNS', 'FIRST_ROWS', 'MAX_RECORDS'],
    reason: 'a bound of memory and of the CPU time of a fit',
  },
  { file: 'learning/work-windows', names: ['MAX_FOLLOWED'], reason: 'a bound of memory and of the CPU time of a fit' },
  { file: 'redis/load-interval', names: ['BUDGET', 'FRESH_MS'], reason: 'for a busy machine; messages take no CPU in the simulation' },
];
