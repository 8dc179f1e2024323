// The built-in scenarios, in the file format: `meercat simulate --print NAME` prints one.

/** A scenario as JSON. */
export interface ScenarioJson {
  readonly name: string;
  readonly [field: string]: unknown;
}

/** 50 hosts of uneven power with noisy neighbours: the scenario of docs/figures.md. */
export const DEFAULT_SCENARIO = {
  name: 'default',
  about: 'hosts of uneven power with noisy neighbours, requests of 5, 20 and 200 ms',
  hosts: [{ count: 38 }, { count: 12, speed: 0.6 }],
  neighbours: { share: 0.3, cores: [1, 3], every: '8s' },
  requests: [
    { request: 'GET /page', share: 80, cost: '5ms' },
    { request: 'GET /search', share: 15, cost: '20ms' },
    { request: 'POST /report', share: 5, cost: '200ms' },
  ],
  balancers: [1, 2, 8, 32, 64],
  loads: [0.7, 0.9],
  warmUp: '60s',
  duration: '60s',
} as const satisfies ScenarioJson;

const FIXED_AGE = { hosts: DEFAULT_SCENARIO.hosts, neighbours: DEFAULT_SCENARIO.neighbours, balancers: [1, 8, 64], loads: [0.7, 0.9] };
const FAILING = { ...FIXED_AGE, balancers: [8], loads: [0.7], duration: '30s', window: '500ms' };

/** What balancers and Redis need of CPU, measured on the machine of docs/figures.md. */
export const FLEET_SCENARIO = {
  name: 'fleet',
  about: 'the highest load of fleets of balancers that need CPU, and what ends their scaling',
  hosts: [{ count: 75 }, { count: 25, speed: 0.6 }],
  neighbours: DEFAULT_SCENARIO.neighbours,
  requests: DEFAULT_SCENARIO.requests,
  balancers: [1, 2, 4, 8, 16, 32, 64],
  warmUp: '300ms',
  duration: '700ms',
  costs: 'known',
  policies: ['adaptive'],
  balancerCost: {
    cores: 1,
    request: 75,
    idle: 0.0107,
    masterIdle: 0.005,
    wake: 100,
    table: 120,
    load: 113,
    row: 0.6,
    masterLoad: 40,
    masterHost: 0.6,
    masterTable: 850,
    report: 25,
  },
  redisCost: { wake: 50, publish: 2.5, receiver: 7, row: 0.004 },
  clients: { count: 10_000, by: 'even', rates: 'zipf', skew: 0.5, ttl: '60s', connection: '60s' },
  scaling: { hosts: [100, 1000], cpu: ['whole', 'total'], clients: ['dns', 'anycast', 'front'] },
} as const satisfies ScenarioJson;

/** Ten load steps, each undone after 4 s: their windows are merged, so that each has enough requests. */
const STEPS = Array.from({ length: 10 }, (_, step) => ({ at: `${12 + 8 * step}s`, what: 'neighbours', hosts: 10, cores: 3, for: '4s' }));

/** The requests of a web application: each has a CPU part and waits for its database, and most pages are small. */
const WEB_REQUESTS = [
  { request: 'GET /page', share: 80, cost: '5ms', wait: { mean: '20ms' }, body: { bytes: 20_000, spread: 'lognormal', sigma: 1.5 } },
  { request: 'GET /search', share: 15, cost: '20ms', wait: { mean: '100ms' }, body: { bytes: 20_000, spread: 'lognormal', sigma: 1.5 } },
  { request: 'POST /report', share: 5, cost: '200ms', wait: { mean: '300ms' }, body: { bytes: 300_000, spread: 'lognormal', sigma: 1.5 } },
];

/** All of them. */
export const SCENARIOS: readonly ScenarioJson[] = [
  DEFAULT_SCENARIO,
  {
    name: 'equal-hosts',
    about: 'equal hosts without neighbours: how evenly their CPU is used',
    hosts: [{ count: 50 }],
    balancers: [1, 2, 4, 8],
    loads: [0.7],
  },
  {
    name: 'step',
    about: 'a neighbour takes 3 of 4 cores from 10 hosts at once: how soon latencies are back',
    hosts: DEFAULT_SCENARIO.hosts,
    balancers: [1, 8, 64],
    loads: [0.7],
    duration: '82s',
    events: STEPS,
    window: '250ms',
  },
  { name: 'stale-1s', about: 'as default, with all that is known of hosts 1 s old', ...FIXED_AGE, messages: { tableDelay: '1s' } },
  { name: 'stale-5s', about: 'as default, with all that is known of hosts 5 s old', ...FIXED_AGE, messages: { tableDelay: '5s' } },
  { name: 'exchange-1s', about: 'as default, with load messages only once a second', ...FIXED_AGE, exchange: '1s' },
  { name: 'exchange-5s', about: 'as default, with load messages only every 5 s', ...FIXED_AGE, exchange: '5s', reports: '5s' },
  {
    name: 'absent',
    about: 'as default, with neither reports nor load messages: each balancer knows its own requests',
    ...FIXED_AGE,
    exchange: 'never',
    reports: 'never',
  },
  {
    name: 'no-agents',
    about: 'hosts of 2, 4 and 16 cores without agents: what they can do shows only in what they serve',
    hosts: [{ count: 30 }, { count: 10, speed: 0.6 }, { count: 6, cores: 16 }, { count: 10, cores: 2 }],
    reports: 'never',
    balancers: [2, 8, 32],
    loads: [0.3, 0.7, 0.9],
  },
  {
    name: 'unequal',
    about: 'hosts of 4 and of 48 cores without agents: the small ones must not be drowned',
    hosts: [{ count: 8 }, { count: 4, cores: 48 }],
    reports: 'never',
    neighbours: null,
    balancers: [2, 8, 32],
    loads: [0.5, 0.8],
  },
  {
    name: 'waiting',
    about: 'requests that wait for a database between the halves of their work, as web applications do',
    ...FIXED_AGE,
    requests: WEB_REQUESTS,
  },
  {
    name: 'slow-clients',
    about: 'one client of ten reads its answer at 50 kB a second: the balancer holds it, the host is done',
    ...FIXED_AGE,
    requests: WEB_REQUESTS,
    slowClients: { share: 0.1, bytesPerSecond: 50_000 },
  },
  {
    name: 'heavy-tailed',
    about: 'as default, with lognormal costs of sigma 1.5 within each class',
    ...FIXED_AGE,
    requests: DEFAULT_SCENARIO.requests.map((each) => ({ ...each, spread: 'lognormal', sigma: 1.5 })),
  },
  {
    name: 'streams',
    about: '4,000 streams, such as idle WebSockets, are open at the start, all on 5 of 50 hosts',
    ...FIXED_AGE,
    requests: [
      ...DEFAULT_SCENARIO.requests,
      { request: 'GET /events', share: 1, cost: '1ms', stream: { mean: '60s', atStart: 4000, onHosts: 5 } },
    ],
  },
  {
    name: 'restarts',
    about: 'ten hosts restart at once with cold caches: requests cost three times as much',
    ...FAILING,
    loads: [0.5, 0.7],
    events: [{ at: '20s', what: 'hosts-restart', hosts: 10, for: '2s', coldCost: 3, warm: '5s' }],
  },
  {
    name: 'deploy',
    about: 'a rolling deploy of a version that is twice as fast, host after host',
    ...FAILING,
    window: '0ms',
    duration: '60s',
    events: [{ at: '10s', what: 'hosts-restart', hosts: 50, every: '1200ms', for: '1s', speed: 2 }],
  },
  {
    name: 'fast-hosts',
    about: 'one host is three times as fast as the other thirty, one ten times',
    hosts: [{ count: 30 }, { count: 1, speed: 3 }, { count: 1, speed: 10 }],
    balancers: [2, 8, 32],
    loads: [0.7, 0.9],
  },
  {
    name: 'autoscaling',
    about: 'a fleet of 10 hosts grows to 40 and shrinks again, as its traffic does',
    hosts: [{ count: 40 }],
    neighbours: DEFAULT_SCENARIO.neighbours,
    balancers: [2, 8],
    loads: [0.5],
    duration: '110s',
    events: [{ at: '15s', what: 'hosts-join', hosts: 30, every: '1s', for: '60s' }],
  },
  {
    name: 'low-traffic',
    about: 'one request a second and host',
    hosts: [{ count: 15 }, { count: 5, speed: 0.6 }],
    neighbours: DEFAULT_SCENARIO.neighbours,
    balancers: [2, 8],
    // Twenty requests of 17 ms a second, for 20 hosts that do 3,060 ms of work a second on average.
    loads: [0.00556],
    duration: '600s',
  },
  {
    name: 'small-fleet',
    about: 'three hosts and two balancers, the commonest fleet',
    hosts: [{ count: 3 }],
    neighbours: DEFAULT_SCENARIO.neighbours,
    balancers: [2],
    loads: [0.3, 0.7, 0.9],
  },
  {
    name: 'master-dies',
    about: 'the master dies, and the next one takes over when its lease has ended',
    ...FAILING,
    events: [{ at: '20s', what: 'master-dies' }],
  },
  {
    name: 'redis-away',
    about: 'Redis is away for 5 s: tables age meanwhile',
    ...FAILING,
    events: [{ at: '20s', what: 'redis-away', for: '5s' }],
  },
  {
    name: 'hosts-die',
    about: 'five hosts die and come back; later five more, of which no answer comes at all',
    ...FAILING,
    events: [
      { at: '15s', what: 'hosts-die', hosts: 5, how: 'refused', for: '5s' },
      { at: '28s', what: 'hosts-die', hosts: 5, how: 'silent', for: '5s' },
    ],
  },
  {
    name: 'wrong-answers',
    about: 'one host answers all at once with an empty page, later one with 500: these count as errors',
    ...FAILING,
    events: [
      { at: '15s', what: 'hosts-answer-wrongly', hosts: 1, how: 'empty', for: '8s' },
      { at: '28s', what: 'hosts-answer-wrongly', hosts: 1, how: 'error', for: '8s' },
    ],
  },
  {
    name: 'prequal-testbed',
    about: 'figure 7 of the Prequal paper: hosts with a tenth of a shared machine',
    hosts: [
      { count: 50, cores: 65, allocation: 6.5 },
      { count: 50, cores: 65, allocation: 6.5, speed: 0.5 },
    ],
    // They leave 5.6 of the 6.5 cores: figures calibrated on the paper's row of weighted round-robin.
    neighbours: { share: 0.35, cores: [59.4, 59.4], every: '30s' },
    requests: [{ request: 'GET /query', share: 1, cost: '54ms', spread: 'normal' }],
    balancers: [100],
    loads: [0.7, 0.9],
    warmUp: '20s',
    duration: '30s',
    deadline: '5s',
    hotQuantile: 0.75,
    policies: [
      'round-robin',
      'random',
      'weighted-round-robin',
      'least-loaded',
      'least-request',
      'yarp-two-choices',
      'linear',
      'c3',
      'prequal',
      'adaptive',
    ],
  },
  {
    name: 'big',
    about: '1,000 hosts, 64 balancers, a million requests',
    hosts: [{ count: 750 }, { count: 250, speed: 0.6 }],
    neighbours: DEFAULT_SCENARIO.neighbours,
    balancers: [64],
    loads: [0.7],
    warmUp: '1s',
    requestCount: 1_000_000,
    policies: ['omniscient', 'local-least-connections', 'adaptive'],
  },
  FLEET_SCENARIO,
];
