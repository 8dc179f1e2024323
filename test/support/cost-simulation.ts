// What a master would hear of hosts whose requests have known costs: hosts with processor sharing, some slow, which
// lose cores to neighbours on their machine; classes with CPU and waiting; reports at moments of each host's own.
// Seeded, in virtual time. The balancing is by requests in flight over what a host has, of four random ones.

import type { CostModel } from '../../lib/learning/cost-model.js';
import { MinHeap } from '../../lib/lab/simulation/min-heap.js';
import { Random } from '../../lib/routing/random.js';

/** A class of requests. */
export interface SimulatedClass {
  readonly name: string;
  /** Its part of all requests; parts need not sum up to 1. */
  readonly share: number;
  /** CPU of one request on a core of speed 1, in ms. */
  readonly cpuMs: number;
  /** Time it waits for something else, in ms: half before its CPU, half after. */
  readonly waitMs?: number;
}

/** What is simulated. */
export interface CostScenario {
  readonly classes: readonly SimulatedClass[];
  readonly load: number;
  readonly seconds: number;
  readonly seed: number;
  readonly hosts?: number;
  readonly cores?: number;
  /** The part of hosts that have 0.6 of the speed. */
  readonly slowShare?: number;
  readonly hasNeighbours?: boolean;
  readonly reportMs?: number;
  /** How often balancers say what was finished. */
  readonly loadMs?: number;
  /** How late a report or a load message is heard, at most. */
  readonly delayMs?: number;
  /** True: a request's CPU is exponential round its class's; false: always the same. */
  readonly isSpread?: boolean;
  /** The factor of all rates at a moment. */
  readonly rateAt?: (nowMs: number) => number;
  /** A class's CPU at a moment, instead of its own. */
  readonly cpuAt?: (name: string, nowMs: number) => number | undefined;
}

/** What a master hears: a host's own report, or what balancers say was finished on it since they said it last. */
export type SimulatedMessage =
  | {
      readonly kind: 'report';
      readonly host: string;
      readonly atMs: number;
      readonly windowMs: number;
      /** CPU used on the machine, the neighbours' too. */
      readonly cpuMs: number;
    }
  | {
      readonly kind: 'load';
      readonly host: string;
      readonly atMs: number;
      /** Per class: how many were finished, and the sum of their durations. */
      readonly finished: readonly (readonly [name: string, count: number, busyMs: number])[];
    };

interface Job {
  readonly host: Host;
  readonly kind: number;
  readonly cpuMs: number;
  readonly waitMs: number;
  readonly startedAtMs: number;
}

interface Host {
  readonly name: string;
  readonly speed: number;
  lost: number;
  /** Requests that wait or run. */
  inflight: number;
  /** Requests that run, by the work per request at which each is done. */
  readonly running: MinHeap<Job>;
  workDone: number;
  atMs: number;
  version: number;
  busyMs: number;
  reportedAtMs: number;
  hasFinished: boolean;
  counts: number[];
  durations: number[];
}

type Event =
  | { readonly kind: 'arrive' }
  | { readonly kind: 'run' | 'end'; readonly job: Job }
  | { readonly kind: 'done'; readonly host: Host; readonly version: number }
  | { readonly kind: 'neighbours' | 'report' | 'load'; readonly host: Host };

/** All messages, in the order in which a master hears them. */
export function simulateCosts(scenario: CostScenario): SimulatedMessage[] {
  const {
    classes,
    load,
    seconds,
    hosts: size = 50,
    cores = 4,
    slowShare = 0.25,
    hasNeighbours = true,
    reportMs = 1000,
    loadMs = 20,
    delayMs = 10,
  } = scenario;
  const rng = new Random(scenario.seed);
  const uniform = (): number => rng.below(2 ** 30) / 2 ** 30;
  const exponential = (mean: number): number => -Math.log(1 - uniform()) * mean;
  const hosts: Host[] = Array.from({ length: size }, (_, index) => ({
    name: `h${index}`,
    speed: index < size * slowShare ? 0.6 : 1,
    lost: 0,
    inflight: 0,
    running: new MinHeap<Job>(),
    workDone: 0,
    atMs: 0,
    version: 0,
    busyMs: 0,
    reportedAtMs: 0,
    hasFinished: false,
    counts: classes.map(() => 0),
    durations: classes.map(() => 0),
  }));
  const shares = classes.reduce((sum, { share }) => sum + share, 0);
  const meanCpuMs = classes.reduce((sum, { share, cpuMs }) => sum + (share / shares) * cpuMs, 0);
  const capacity = hosts.reduce((sum, { speed }) => sum + speed * (cores - (hasNeighbours ? 0.6 : 0)), 0);
  const gapMs = meanCpuMs / (load * capacity);

  const events = new MinHeap<Event>();
  const heard: SimulatedMessage[] = [];
  let nowMs = 0;

  function advance(host: Host): void {
    const elapsedMs = nowMs - host.atMs;
    const free = cores - host.lost;
    const { size: running } = host.running;
    if (running > 0) host.workDone += elapsedMs * host.speed * Math.min(1, free / running);
    host.busyMs += elapsedMs * (Math.min(running, free) + host.lost);
    host.atMs = nowMs;
  }

  function schedule(host: Host): void {
    host.version++;
    const { size: running, least } = host.running;
    if (running === 0) return;
    const rate = host.speed * Math.min(1, (cores - host.lost) / running);
    events.push(nowMs + Math.max(0, (least - host.workDone) / rate), { kind: 'done', host, version: host.version });
  }

  function choose(): Host {
    let best = hosts[rng.below(size)] as Host;
    for (let i = 1; i < 4; i++) {
      const host = hosts[rng.below(size)] as Host;
      const score = (one: Host): number => (one.inflight + 1) / ((cores - one.lost) * one.speed);
      if (score(host) < score(best)) best = host;
    }
    return best;
  }

  function arrive(): void {
    events.push(nowMs + exponential(gapMs / (scenario.rateAt?.(nowMs) ?? 1)), { kind: 'arrive' });
    let at = uniform() * shares;
    let kind = 0;
    while (kind < classes.length - 1 && (at -= (classes[kind] as SimulatedClass).share) >= 0) kind++;
    const { name, cpuMs, waitMs = 0 } = classes[kind] as SimulatedClass;
    const mean = scenario.cpuAt?.(name, nowMs) ?? cpuMs;
    const host = choose();
    host.inflight++;
    const job = { host, kind, cpuMs: scenario.isSpread === true ? exponential(mean) : mean, waitMs, startedAtMs: nowMs };
    if (waitMs > 0) events.push(nowMs + waitMs / 2, { kind: 'run', job });
    else run(job);
  }

  function run(job: Job): void {
    const { host } = job;
    advance(host);
    host.running.push(host.workDone + job.cpuMs, job);
    schedule(host);
  }

  function end({ host, kind, startedAtMs }: Job): void {
    host.inflight--;
    host.hasFinished = true;
    (host.counts[kind] as number)++;
    (host.durations[kind] as number) += nowMs - startedAtMs;
  }

  function finishDue(host: Host): void {
    advance(host);
    while (host.running.size > 0 && host.running.least <= host.workDone + 1e-9) {
      const job = host.running.pop();
      if (job.waitMs > 0) events.push(nowMs + job.waitMs / 2, { kind: 'end', job });
      else end(job);
    }
    schedule(host);
  }

  function tellLoad(host: Host): void {
    events.push(nowMs + loadMs, { kind: 'load', host });
    if (!host.hasFinished) return;
    const finished: [name: string, count: number, busyMs: number][] = [];
    for (let kind = 0; kind < classes.length; kind++) {
      const count = host.counts[kind] as number;
      if (count > 0) finished.push([(classes[kind] as SimulatedClass).name, count, host.durations[kind] as number]);
    }
    host.counts.fill(0);
    host.durations.fill(0);
    host.hasFinished = false;
    heard.push({ kind: 'load', host: host.name, atMs: nowMs + uniform() * delayMs, finished });
  }

  function tellReport(host: Host): void {
    advance(host);
    heard.push({
      kind: 'report',
      host: host.name,
      atMs: nowMs + uniform() * delayMs,
      windowMs: nowMs - host.reportedAtMs,
      cpuMs: host.busyMs,
    });
    host.busyMs = 0;
    host.reportedAtMs = nowMs;
    events.push(nowMs + reportMs * (0.95 + uniform() * 0.1), { kind: 'report', host });
  }

  events.push(0, { kind: 'arrive' });
  for (const host of hosts) {
    if (hasNeighbours) events.push(0, { kind: 'neighbours', host });
    events.push(uniform() * reportMs, { kind: 'report', host });
    events.push(uniform() * loadMs, { kind: 'load', host });
  }
  while (events.least <= seconds * 1000) {
    nowMs = events.least;
    const event = events.pop();
    switch (event.kind) {
      case 'arrive':
        arrive();
        break;
      case 'run':
        run(event.job);
        break;
      case 'end':
        end(event.job);
        break;
      case 'done':
        if (event.version === event.host.version) finishDue(event.host);
        break;
      case 'neighbours': {
        const { host } = event;
        advance(host);
        host.lost = uniform() < 0.3 ? 1 + rng.below(3) : 0;
        schedule(host);
        events.push(nowMs + exponential(8000), event);
        break;
      }
      case 'report':
        tellReport(event.host);
        break;
      case 'load':
        tellLoad(event.host);
        break;
    }
  }
  return heard.filter(({ atMs }) => atMs <= seconds * 1000).toSorted((one, other) => one.atMs - other.atMs);
}

/** Lets a model hear all of it, with a tick each second, and hands out each second after its tick. */
export function hearCosts(model: CostModel, scenario: CostScenario, onSecond?: (nowMs: number) => void): void {
  const { cores = 4, loadMs = 20 } = scenario;
  let tickAtMs = 1000;
  for (const message of simulateCosts(scenario)) {
    for (; message.atMs >= tickAtMs; tickAtMs += 1000) {
      model.tick(tickAtMs);
      onSecond?.(tickAtMs);
    }
    const { host, atMs } = message;
    if (message.kind === 'report') {
      const { cpuMs, windowMs } = message;
      model.observe(host, { cpuMs, cores }, atMs, windowMs);
    } else {
      for (const [name, count, busyMs] of message.finished) model.finished(host, name, { count, busyMs }, atMs, loadMs);
    }
  }
}
