// What all balancers together have in flight on each host, and how many requests a second they finish
// there. Built from totals, so that a message that is lost or comes twice is not counted wrongly.

import type { LoadMessage } from '../model.js';

/** A balancer that says nothing for so long has nothing in flight any more. */
const BALANCER_TTL_MS = 3000;

/** The weight of the newest second in the smoothed rate. */
const RATE_WEIGHT = 0.5;

/** A rate below this is shown as none. */
const MIN_RATE = 0.05;

interface BalancerLoads {
  readonly instance: string;
  heardAtMs: number;
  readonly hosts: Map<string, { inflight: number; served: number }>;
  statics: ReadonlySet<string>;
}

interface HostTotal {
  inflight: number;
  /** Requests finished since the last tick. */
  finished: number;
  rps: number;
}

const NONE: HostTotal = { inflight: 0, finished: 0, rps: 0 };

/** Adds up the load messages of the whole fleet. */
export class FleetLoads {
  readonly #balancers = new Map<string, BalancerLoads>();
  readonly #totals = new Map<string, HostTotal>();
  #tickedAtMs = Number.NaN;

  /** Takes one message; gives the names of the hosts whose requests in flight changed. */
  take(message: LoadMessage, nowMs: number): Set<string> {
    const changed = new Set<string>();
    let balancer = this.#balancers.get(message.balancer);
    if (balancer !== undefined && balancer.instance !== message.instance) {
      this.#drop(message.balancer, balancer, changed);
      balancer = undefined;
    }
    if (balancer === undefined) {
      balancer = { instance: message.instance, heardAtMs: nowMs, hosts: new Map(), statics: new Set() };
      this.#balancers.set(message.balancer, balancer);
    }
    balancer.heardAtMs = nowMs;
    if (message.isFull) balancer.statics = new Set(message.statics.map(({ name }) => name));
    for (const { host, inflight, served } of message.hosts) {
      const total = this.#totals.get(host) ?? { ...NONE };
      this.#totals.set(host, total);
      const before = balancer.hosts.get(host);
      if (inflight !== (before?.inflight ?? 0)) changed.add(host);
      total.inflight += inflight - (before?.inflight ?? 0);
      // What was finished before this master listened is not of its seconds.
      total.finished += before === undefined ? 0 : Math.max(0, served - before.served);
      balancer.hosts.set(host, { inflight, served });
    }
    if (message.isFull) this.#forgetUnnamed(message, balancer, changed);
    return changed;
  }

  /** Works out the rates of the time since the last tick and lets go of silent balancers; gives the hosts that changed. */
  tick(nowMs: number): Set<string> {
    const changed = new Set<string>();
    for (const [name, balancer] of this.#balancers) {
      if (nowMs - balancer.heardAtMs > BALANCER_TTL_MS) this.#drop(name, balancer, changed);
    }
    const seconds = (nowMs - this.#tickedAtMs) / 1000;
    this.#tickedAtMs = nowMs;
    // The first tick has no length (NaN) and makes no rate.
    if (!(seconds > 0)) return changed;
    for (const [host, total] of this.#totals) {
      const before = total.rps;
      const smoothed = before + RATE_WEIGHT * (total.finished / seconds - before);
      total.rps = smoothed < MIN_RATE ? 0 : smoothed;
      total.finished = 0;
      if (total.rps !== before) changed.add(host);
      if (total.rps === 0 && total.inflight === 0 && !this.#isNamed(host)) this.#totals.delete(host);
    }
    return changed;
  }

  /** Requests in flight on a host and its requests per second, from the whole fleet. */
  of(host: string): { readonly inflight: number; readonly rps: number } {
    return this.#totals.get(host) ?? NONE;
  }

  /** Whether a balancer that lives has this host as a static one. */
  isStatic(host: string): boolean {
    for (const balancer of this.#balancers.values()) if (balancer.statics.has(host)) return true;
    return false;
  }

  #isNamed(host: string): boolean {
    for (const balancer of this.#balancers.values()) if (balancer.hosts.has(host)) return true;
    return false;
  }

  /** A full message names all its hosts: what it leaves out, that balancer does not know any more. */
  #forgetUnnamed(message: LoadMessage, balancer: BalancerLoads, changed: Set<string>): void {
    if (balancer.hosts.size === message.hosts.length) return;
    const named = new Set(message.hosts.map(({ host }) => host));
    for (const [host, load] of balancer.hosts) {
      if (named.has(host)) continue;
      balancer.hosts.delete(host);
      this.#takeOff(host, load.inflight, changed);
    }
  }

  #drop(name: string, balancer: BalancerLoads, changed: Set<string>): void {
    this.#balancers.delete(name);
    for (const [host, load] of balancer.hosts) this.#takeOff(host, load.inflight, changed);
  }

  #takeOff(host: string, inflight: number, changed: Set<string>): void {
    const total = this.#totals.get(host);
    if (total === undefined || inflight === 0) return;
    total.inflight -= inflight;
    changed.add(host);
  }
}
