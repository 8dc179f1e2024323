// What a simulation is of: hosts, their neighbours, requests, balancers, messages, and what happens when. A
// scenario file is this as JSON, with times as `8s` and what is not said at its default (scenario-file.ts).

/** Hosts that are alike. */
export interface HostGroup {
  readonly count: number;
  readonly cores: number;
  /** The work in ms that a core does in a ms. */
  readonly speed: number;
  /** The share of its memory (0..1) that each reports as used. */
  readonly memory: number;
}

/** Others on the hosts' machines, who take cores away for a while. */
export interface Neighbours {
  /** How likely a host has any, at each draw (0..1). */
  readonly share: number;
  /** How many cores they take: from, to; each number is as likely. */
  readonly cores: readonly [number, number];
  /** How long a draw lasts on average (exponential). */
  readonly everyMs: number;
}

/** How the costs of a class spread round their mean. */
export const SPREADS = ['fixed', 'exponential', 'lognormal'] as const;

/** One of `SPREADS`. */
export type Spread = (typeof SPREADS)[number];

/** Requests that are alike. */
export interface RequestClass {
  /** Method and target, as a client sends them. */
  readonly request: string;
  /** Its share of all requests; shares are relative to their sum. */
  readonly share: number;
  /** The work of one in ms, on average. */
  readonly costMs: number;
  readonly spread: Spread;
  /** For `lognormal`: the deviation of the logarithm. */
  readonly sigma: number;
}

/** How long messages take, and how many are lost. */
export interface Messages {
  /** From one process to another through Redis: this long at least, */
  readonly delayMs: number;
  /** and up to so much longer. Messages on one way stay in order. */
  readonly jitterMs: number;
  /** The share (0..1) of messages that get lost, each for each receiver. */
  readonly loss: number;
  /** Tables are held up for so much longer on their way to every balancer: figures of this age. */
  readonly tableDelayMs: number;
}

/** What an event does. */
export type ScenarioChange =
  /** Neighbours take this number of cores of this number of hosts, spread over all of them. */
  | { readonly what: 'neighbours'; readonly hosts: number; readonly cores: number }
  /** Hosts die: connections are refused, or nothing answers; their agents die with them. */
  | { readonly what: 'hosts-die'; readonly hosts: number; readonly how: 'refused' | 'silent' }
  /** Hosts answer at once without doing anything: an empty page, or 500. */
  | { readonly what: 'hosts-answer-wrongly'; readonly hosts: number; readonly how: 'empty' | 'error' }
  | { readonly what: 'balancers-die'; readonly balancers: number }
  | { readonly what: 'master-dies' }
  | { readonly what: 'redis-away' };

/** A change that happens at a moment, and is undone after `forMs` (Infinity: never). */
export type ScenarioEvent = ScenarioChange & { readonly atMs: number; readonly forMs: number };

/** A scenario, whole and checked. */
export interface Scenario {
  readonly name: string;
  /** What it shows, in a sentence. */
  readonly about: string;
  readonly hosts: readonly HostGroup[];
  readonly neighbours: Neighbours | null;
  readonly requests: readonly RequestClass[];
  /** Numbers of balancers, each simulated in turn. */
  readonly balancers: readonly number[];
  /** Loads: the share of the hosts' mean capacity that requests need, each in turn. */
  readonly loads: readonly number[];
  /** What is simulated before anything counts. */
  readonly warmUpMs: number;
  /** How long requests come after that; with `requestCount`, that decides. */
  readonly durationMs: number;
  /** How many requests come in all; null for as many as come within the duration. */
  readonly requestCount: number | null;
  /** How often balancers say what they have in flight; null as the product does, Infinity never. */
  readonly exchangeMs: number | null;
  /** Whether balancers know from the beginning what each class costs on average; else the master learns it. */
  readonly isCostKnown: boolean;
  /** How often agents report; Infinity never: hosts are then named to the balancers. */
  readonly reportMs: number;
  readonly messages: Messages;
  readonly events: readonly ScenarioEvent[];
  /** Latencies are also shown in windows of this length after each event; 0: not. */
  readonly windowMs: number;
  readonly policies: readonly string[];
}

/** The work of a request on average, in ms. */
export function meanCostOf({ requests }: Scenario): number {
  const shares = requests.reduce((sum, { share }) => sum + share, 0);
  return requests.reduce((sum, { share, costMs }) => sum + share * costMs, 0) / shares;
}

/** What all hosts together can do on average, in ms of work per ms. */
export function meanCapacityOf({ hosts, neighbours }: Scenario): number {
  const lost = neighbours === null ? 0 : neighbours.share * ((neighbours.cores[0] + neighbours.cores[1]) / 2);
  return hosts.reduce((sum, { count, cores, speed }) => sum + count * speed * (cores - Math.min(cores, lost)), 0);
}

/** How many hosts there are. */
export function hostCountOf({ hosts }: Scenario): number {
  return hosts.reduce((sum, { count }) => sum + count, 0);
}
