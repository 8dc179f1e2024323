// What `bench ablation` switches off: each constant of the adaptive path, and the value with which it has no effect, or
// at least another one. Invariant, tested: every top-level numeric constant of ADAPTIVE_PATH is either here or a limit,
// and every entry exists.

/** The compiled files that decide where a request goes, without `.js`, in lib/; a `*` at the end stands for any ending. */
export const ADAPTIVE_PATH: readonly string[] = [
  'routing/adaptive',
  'learning/capacity',
  'learning/cost-*',
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
    ['MOST_DRAWS', '1', 'hosts are drawn uniformly, whatever their capacity'],
    ['WORK_WEIGHT', '0', 'work in flight does not count'],
    ['WORK_WEIGHT', '0.3', 'work in flight counts three times as much'],
    ['OLD_MS', '1e9', 'tables are used at any age'],
    ['EQUAL', '0', 'the smallest difference of speed counts'],
  ]),
  ...inFile('learning/capacity', [
    ['HALF_LIFE_MS', '1000', 'evidence lasts ten times as long'],
    ['SATURATED', '0', 'a host without an agent never counts as saturated'],
    ['MEMORY_TIGHT', '-Infinity', 'memory does not count'],
    ['MAX_OVER_MEDIAN', '1e9', 'the speed has no upper bound'],
  ]),
  ...inFile('learning/cost-model', [
    ['FIT_EVERY_MS', 'Infinity', 'costs are never fitted'],
    ['SEARCH_EVERY_MS', 'Infinity', 'good starts are searched as often as at first'],
    ['SEARCH_FIRST_MS', 'SEARCH_EVERY_MS', 'good starts are not searched more often at first'],
    ['SEARCH_SCALES', '[0.1]', 'one candidate for the error'],
    ['WARM_SCALE', '1', 'a fit continues with a large error'],
    ['MIN_EXPLAINED', '0', 'a fit that explains nothing is accepted'],
    ['MAX_EXPLAINED', '1e9', 'a fit that explains more than there is is accepted'],
    ['EXPLAINED_GUESS', '1', 'at first all CPU is attributed to requests'],
    ['MAX_SPAN_MS', 'Infinity', 'costs are fitted at any interval of messages'],
  ]),
  ...inFile('learning/cost-rows', [
    ['HALF_LIFE_MS', '1e12', 'evidence of costs never fades'],
    ['FIT_ITERATIONS', '1', 'rows are not weighed anew'],
    ['ERROR_FACTOR', '1', "the regression's own error is believed"],
    ['MIN_RECORDS', '2', 'two records are enough for a fit'],
    ['PRIOR_SD', '1e3', 'costs have no prior'],
  ]),
  ...inFile('learning/cost-classes', [
    ['MIN_COUNT', '0.1', 'the rarest class is fitted'],
    ['RECENT_MS', '1e12', 'recent requests are all requests'],
    ['MIN_RECENT', '1', 'one recent request is enough for a comparison'],
    ['CLEARLY_LESS', '0', 'durations are never clearly less'],
  ]),
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
  { file: 'routing/adaptive', names: ['LOT'], reason: 'resolution of a random draw' },
  { file: 'learning/cost-model', names: ['SEARCHES_A_TICK', 'SEARCH_ROWS'], reason: 'bounds of the CPU time of a fit' },
  { file: 'learning/cost-model', names: ['MAX_COUNT', 'MAX_DURATION_MS'], reason: 'bounds of what a message may contain' },
  { file: 'learning/cost-model', names: ['MIN_COST_MS'], reason: 'keeps a cost above 0' },
  { file: 'learning/cost-rows', names: ['MIN_SCALE'], reason: 'keeps a variance above 0' },
  { file: 'learning/cost-rows', names: ['EXPLAINED_ROWS'], reason: 'bound of the CPU time of an estimate' },
  {
    file: 'learning/cost-rows',
    names: ['REPORTED_SD', 'MIN_REPORTED_RATIO', 'MAX_REPORTED_RATIO'],
    reason: 'simulated hosts report no costs',
  },
  { file: 'learning/cost-classes', names: ['MIN_REPORTED_SHARE'], reason: 'simulated hosts report no costs' },
  { file: 'learning/cost-classes', names: ['IDLE_COUNT', 'MAX_NAME'], reason: 'bounds of the memory for classes' },
  { file: 'redis/load-interval', names: ['BUDGET', 'FRESH_MS'], reason: 'for a busy machine; messages take no CPU in the simulation' },
];
