// The scenario of `bench policies`, the same for all contestants: hosts of uneven power with noisy neighbours, requests
// of three classes, random arrivals. Pure and seeded: the same seed gives the same scenario.

import { Random } from '../routing/random.js';

/** Cores of each host. */
export const CORES = 4;

/** A request class: its path, its share of all requests, and its cost in milliseconds of a core of speed 1. */
export interface WorkloadClass {
  readonly path: string;
  readonly share: number;
  readonly workMs: number;
}

/** All classes. */
export const CLASSES: readonly WorkloadClass[] = [
  { path: '/small', share: 0.8, workMs: 5 },
  { path: '/medium', share: 0.15, workMs: 20 },
  { path: '/large', share: 0.05, workMs: 200 },
];

/** Which request of a turn it is, and how its work scatters. */
export interface WorkDraw {
  readonly index: number;
  readonly seed: number;
  /** Of the logarithm; 0: every request of a class has the same work. */
  readonly sigma: number;
}

/**
 * The work of a request of a class, in milliseconds of a core of speed 1: lognormal around the class's mean, and the same
 * for the same request, whoever draws it.
 */
export function workOf(kind: number, { index, seed, sigma }: WorkDraw): number {
  const { workMs } = CLASSES[kind] as WorkloadClass;
  if (sigma === 0) return workMs;
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ index);
  const [distance, angle] = [exponential(random, 2), 2 * Math.PI * (random.below(2 ** 32) / 2 ** 32)];
  // Box and Muller, "A Note on the Generation of Random Normal Deviates" (1958).
  return workMs * Math.exp(sigma * Math.sqrt(distance) * Math.cos(angle) - sigma ** 2 / 2);
}

const MEAN_WORK_MS = CLASSES.reduce((sum, { share, workMs }) => sum + share * workMs, 0);

/** Share of the hosts, the last ones, with slow cores. */
const SLOW_SHARE = 0.25;
const SLOW_SPEED = 0.6;

/** Share of the hosts that have a noisy neighbour at any time, which takes one to three cores, and how long it stays on average. */
const NOISY_SHARE = 0.3;
const TAKEN_BY = [3, 1, 2] as const;
const NEIGHBOUR_STAYS_MS = 8000;

/** The speed of a host's cores; 1 is normal. */
export function speedOf(host: number, hosts: number): number {
  return host >= hosts - Math.round(hosts * SLOW_SHARE) ? SLOW_SPEED : 1;
}

/** Cores taken by the neighbours of each noisy host. With few hosts their total must not vary, since that would change the load. */
function neighboursOf(hosts: number): number[] {
  return Array.from({ length: Math.round(hosts * NOISY_SHARE) }, (_, index) => TAKEN_BY[index % TAKEN_BY.length] as number);
}

/** A change of the number of cores taken on a host, from this time on. */
export interface Redraw {
  readonly atMs: number;
  readonly host: number;
  readonly taken: number;
}

/** Draws the neighbours and their moves over this length of time; `slow` stretches time. */
export function drawNeighbours(seed: number, hosts: number, lengthMs: number, slow: number): Redraw[] {
  const random = new Random(seed);
  const neighbours = neighboursOf(hosts).map((cores) => ({ cores, host: -1 }));
  const noisy = new Set<number>();
  const redraws: Redraw[] = [];
  const move = (neighbour: { readonly cores: number; host: number }, atMs: number): void => {
    let to = random.below(hosts);
    while (noisy.has(to)) to = (to + 1) % hosts;
    if (neighbour.host >= 0) {
      noisy.delete(neighbour.host);
      redraws.push({ atMs, host: neighbour.host, taken: 0 });
    }
    noisy.add(to);
    neighbour.host = to;
    redraws.push({ atMs, host: to, taken: neighbour.cores });
  };
  for (const neighbour of neighbours) move(neighbour, 0);
  if (neighbours.length === 0) return redraws;
  const everyMs = (NEIGHBOUR_STAYS_MS / neighbours.length) * slow;
  for (let atMs = exponential(random, everyMs); atMs < lengthMs; atMs += exponential(random, everyMs)) {
    move(neighbours[random.below(neighbours.length)] as { cores: number; host: number }, atMs);
  }
  return redraws;
}

/** Requests per second that load the hosts to this fraction of their mean available capacity. */
export function rateFor(load: number, hosts: number, slow: number): number {
  const speeds = Array.from({ length: hosts }, (_, host) => speedOf(host, hosts));
  const speed = speeds.reduce((sum, each) => sum + each, 0) / hosts;
  const cores = hosts * CORES - neighboursOf(hosts).reduce((sum, taken) => sum + taken, 0);
  return (load * cores * speed * 1000) / (MEAN_WORK_MS * slow);
}

/** Requests in sending order, as columns of equal length. */
export interface DrawnArrivals {
  readonly atMs: Float64Array;
  /** The request's class, an index into `CLASSES`. */
  readonly kind: Uint8Array;
  /** The index of its balancer. */
  readonly to: Uint8Array;
}

/** Draws requests at random times (a Poisson process) over this length of time, for random balancers. */
export function drawArrivals(seed: number, perSecond: number, lengthMs: number, balancers: number): DrawnArrivals {
  const random = new Random(seed);
  const [atMs, kind, to]: [number[], number[], number[]] = [[], [], []];
  for (let at = exponential(random, 1000 / perSecond); at < lengthMs; at += exponential(random, 1000 / perSecond)) {
    atMs.push(at);
    kind.push(drawClass(random));
    to.push(random.below(balancers));
  }
  return { atMs: Float64Array.from(atMs), kind: Uint8Array.from(kind), to: Uint8Array.from(to) };
}

function drawClass(random: Random): number {
  let left = random.below(1e6) / 1e6;
  const index = CLASSES.findIndex(({ share }) => (left -= share) < 0);
  return index < 0 ? CLASSES.length - 1 : index;
}

function exponential(random: Random, mean: number): number {
  return -Math.log(1 - random.below(2 ** 32) / 2 ** 32) * mean;
}
