// The model of a scenario: hosts, noisy neighbours, requests, balancers, messages and events. A scenario file is the same
// as JSON, with times such as `8s` and defaults for absent fields (scenario-file.ts).

import type { BalancerCost, ClientRules, RedisCost, ScalingRules } from './balancer-cost.js';

/** A group of identical hosts. */
export interface HostGroup {
  readonly count: number;
  readonly cores: number;
  /** Cores that the service has paid for, of which loads are shares; it may use the others as long as nobody else does. */
  readonly allocation: number;
  /** Work in ms per ms of one core. */
  readonly speed: number;
  /** Share of memory (0..1) that each host reports as used. */
  readonly memory: number;
}

/** Noisy neighbours on the hosts' machines, which take cores for a while. */
export interface Neighbours {
  /** Probability (0..1) of neighbours at each draw. */
  readonly share: number;
  /** Number of cores taken, as [from, to], uniformly distributed. */
  readonly cores: readonly [number, number];
  /** Mean duration of a draw (exponential). */
  readonly everyMs: number;
}

/** Distributions around a mean. */
export const SPREADS = ['fixed', 'exponential', 'lognormal', 'normal'] as const;

/** One of `SPREADS`. */
type Spread = (typeof SPREADS)[number];

/** A quantity that varies from request to request. */
export interface Quantity {
  /** In ms or bytes, as its field says. */
  readonly mean: number;
  readonly spread: Spread;
  /** For `lognormal`: the standard deviation of the logarithm. */
  readonly sigma: number;
}

/** Requests that stay open after their work, such as event streams and WebSockets; they use no CPU meanwhile. */
export interface Streams {
  /** Mean time for which one is open (exponential). */
  readonly meanMs: number;
  /** Number of them that are open at the start, all on the first `onHosts` hosts. */
  readonly atStart: number;
  readonly onHosts: number;
}

/** Clients that read slowly: the balancer holds the answer for them, and the host has ended its work. */
export interface SlowClients {
  /** Share (0..1) of requests that come from such clients. */
  readonly share: number;
  readonly bytesPerSecond: number;
}

/** A class of similar requests. */
export interface RequestClass {
  /** Method and target, as a client sends them. */
  readonly request: string;
  /** Its share of all requests; shares are relative to their sum. */
  readonly share: number;
  /** Mean work of a request, in ms. */
  readonly costMs: number;
  readonly spread: Spread;
  /** For `lognormal`: the standard deviation of the logarithm. */
  readonly sigma: number;
  /** Time in ms between the first and the second half of its work, in which it uses no core: for a database, say; null: none. */
  readonly wait: Quantity | null;
  /** Size of the answer's body, in bytes: what slow clients take time for. */
  readonly body: Quantity;
  /** Null: a request that ends when its work is done. */
  readonly stream: Streams | null;
}

/** Delay and loss of messages. */
export interface Messages {
  /** Minimum delay from one process to another through Redis, */
  readonly delayMs: number;
  /** plus up to this jitter. Messages on one path stay in order. */
  readonly jitterMs: number;
  /** Share (0..1) of messages lost, independently for each receiver. */
  readonly loss: number;
  /** Additional delay of tables to every balancer, to simulate stale figures. */
  readonly tableDelayMs: number;
}

/** How a host comes back from a restart. */
export interface Restart {
  /** Its requests cost this many times as much at first: its caches are cold. */
  readonly coldCost: number;
  /** The excess decays exponentially with this time constant. */
  readonly warmMs: number;
  /** Its speed is multiplied by this: a new version. */
  readonly speed: number;
}

/** The effect of an event. */
export type ScenarioChange =
  /** Neighbours take this number of cores of this number of hosts, spread evenly. */
  | { readonly what: 'neighbours'; readonly hosts: number; readonly cores: number }
  /** Hosts go down: connections are refused, or nothing answers; their agents go down too. */
  | { readonly what: 'hosts-die'; readonly hosts: number; readonly how: 'refused' | 'silent' }
  /** Hosts answer at once without doing the work: an empty body, or a 500. */
  | { readonly what: 'hosts-answer-wrongly'; readonly hosts: number; readonly how: 'empty' | 'error' }
  /** Hosts go down for `forMs` and come back: one every `everyMs`, or all at once (0). */
  | ({ readonly what: 'hosts-restart'; readonly hosts: number; readonly everyMs: number } & Restart)
  /** The last hosts of the list appear, one every `everyMs`, and disappear again after `forMs`; before, they do not exist. */
  | { readonly what: 'hosts-join'; readonly hosts: number; readonly everyMs: number }
  /** The last hosts of the list disappear, one every `everyMs`, and appear again after `forMs`. */
  | { readonly what: 'hosts-leave'; readonly hosts: number; readonly everyMs: number }
  /** The last balancers die, and come back after `forMs`. */
  | { readonly what: 'balancers-die'; readonly balancers: number }
  | { readonly what: 'master-dies' }
  | { readonly what: 'redis-away' };

/** A change at a given time, undone after `forMs` (Infinity: never). */
export type ScenarioEvent = ScenarioChange & { readonly atMs: number; readonly forMs: number };

/** A complete, validated scenario. */
export interface Scenario {
  readonly name: string;
  /** What it shows, in a sentence. */
  readonly about: string;
  readonly hosts: readonly HostGroup[];
  readonly neighbours: Neighbours | null;
  readonly requests: readonly RequestClass[];
  readonly slowClients: SlowClients | null;
  /** Numbers of balancers, each simulated in turn. */
  readonly balancers: readonly number[];
  /** Loads as shares of the mean CPU of the hosts that exist at the time, at their first speed; each simulated in turn. */
  readonly loads: readonly number[];
  /** Simulated time before measuring starts. */
  readonly warmUpMs: number;
  /** Duration of arrivals after the warm-up; `requestCount` overrides it. */
  readonly durationMs: number;
  /** Total number of requests; null to use the duration. */
  readonly requestCount: number | null;
  /** Interval of load messages; null as in the product, Infinity never. */
  readonly exchangeMs: number | null;
  /** Whether balancers know the mean cost of each class from the start; otherwise the master learns it. */
  readonly isCostKnown: boolean;
  /** Agents' report interval; Infinity never: hosts are then static. */
  readonly reportMs: number;
  readonly messages: Messages;
  readonly events: readonly ScenarioEvent[];
  /** A client gives up after this time, which counts as an error and as a latency of this; Infinity: never. */
  readonly deadlineMs: number;
  /** For policies that probe hosts: probes per request. */
  readonly probes: number;
  /** For Prequal: a host above this quantile of requests in flight is hot. */
  readonly hotQuantile: number;
  /** Length of the windows in which latencies after events are shown; 0: none. */
  readonly windowMs: number;
  readonly policies: readonly string[];
  /** Null: balancers need no CPU. */
  readonly balancerCost: BalancerCost | null;
  /** Null: Redis needs none. */
  readonly redisCost: RedisCost | null;
  readonly clients: ClientRules;
  /** Null: policies are compared. */
  readonly scaling: ScalingRules | null;
}

/** Mean work of a request, in ms. */
export function meanCostOf({ requests }: Scenario): number {
  const shares = requests.reduce((sum, { share }) => sum + share, 0);
  return requests.reduce((sum, { share, costMs }) => sum + share * costMs, 0) / shares;
}

/** Mean capacity of all hosts, in ms of work per ms. */
export function meanCapacityOf(scenario: Scenario): number {
  return scenario.hosts.reduce((sum, group) => sum + group.count * hostCapacityOf(group, scenario), 0);
}

/** Mean capacity of one host of a group within its allocation, in ms of work per ms. */
export function hostCapacityOf({ cores, allocation, speed }: HostGroup, { neighbours }: Scenario): number {
  const lost = neighbours === null ? 0 : neighbours.share * ((neighbours.cores[0] + neighbours.cores[1]) / 2);
  return speed * Math.min(allocation, cores - Math.min(cores, lost));
}

/** Mean response time of a request that has a host to itself, in ms. */
export function aloneMsOf(scenario: Scenario): number {
  const { hosts } = scenario;
  const slowness = hosts.reduce((sum, { count, speed }) => sum + count / speed, 0) / hostCountOf(scenario);
  return meanCostOf(scenario) * slowness;
}

/** Number of hosts. */
export function hostCountOf({ hosts }: Scenario): number {
  return hosts.reduce((sum, { count }) => sum + count, 0);
}
