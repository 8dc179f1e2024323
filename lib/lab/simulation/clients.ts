// The clients of a run, and which balancer each request comes to: any living one, or by DNS, by an anycast hash, or through
// a front balancer. Invariant: what clients do depends on the seed and on deaths alone, not on the policy.

import type { ClientRules } from './balancer-cost.js';
import { Draws } from './draws.js';
import type { EventQueue } from './event-queue.js';

/** Options of the clients. */
export interface ClientsOptions {
  readonly rules: ClientRules;
  readonly balancers: number;
  readonly seed: number;
  readonly queue: EventQueue;
  readonly clock: () => number;
  /** Connections of these clients have broken: the requests on them fail. Returns those that had any. */
  readonly onBroken: (clients: ReadonlySet<number>) => ReadonlySet<number>;
}

/** All clients. */
export class Clients {
  /** The client of the last request; -1 if clients are all alike. */
  client = -1;
  readonly #options: ClientsOptions;
  readonly #draws: Draws;
  /** Living balancers, and those that DNS, routers or the front balancer believe to be alive. */
  #living: readonly number[];
  #listed: readonly number[];
  #isAlive: Uint8Array;
  #isListDue = false;
  #turn = 0;
  /** Cumulative shares of the clients' requests. */
  readonly #bounds: Float64Array;
  /** Of each client: its balancer, the hash of its connection, when it asks DNS or connects again, and whether its connection is broken. */
  readonly #address: Int32Array;
  readonly #hashes: Uint32Array;
  readonly #untilMs: Float64Array;
  readonly #isBroken: Uint8Array;

  constructor(options: ClientsOptions) {
    const { rules, balancers, seed } = options;
    this.#options = options;
    this.#draws = new Draws(seed, 3);
    this.#living = Array.from({ length: balancers }, (_, index) => index);
    this.#listed = this.#living;
    this.#isAlive = new Uint8Array(balancers).fill(1);
    const count = rules.by === 'even' ? 0 : rules.count;
    this.#bounds = boundsOf(rules, count, new Draws(seed, 11));
    this.#address = new Int32Array(count);
    this.#hashes = new Uint32Array(count);
    this.#untilMs = new Float64Array(count);
    this.#isBroken = new Uint8Array(count);
    for (let client = 0; client < count; client++) {
      this.#renew(client);
      // They did not all start at the same time.
      if (rules.by === 'dns') this.#untilMs[client] = rules.ttlMs * this.#draws.uniform();
    }
  }

  /** The balancer of the next request; -1 if it fails before it reaches one. */
  next(): number {
    const { by } = this.#options.rules;
    if (by === 'even') return this.#living[this.#draws.below(this.#living.length)] as number;
    const client = this.#draw();
    this.client = client;
    if (by === 'front') return this.#alive(this.#listed[this.#turn++ % this.#listed.length] as number);
    if (this.#isBroken[client] === 1) {
      this.#isBroken[client] = 0;
      this.#renew(client);
      return -1;
    }
    if (this.#options.clock() >= (this.#untilMs[client] as number)) this.#renew(client);
    return this.#alive(this.#address[client] as number);
  }

  /** Balancers have died or come back. The next check notices it. */
  onChange(living: readonly number[]): void {
    const { rules, queue, clock } = this.#options;
    this.#living = living;
    this.#isAlive.fill(0);
    for (const index of living) this.#isAlive[index] = 1;
    if (rules.by === 'even' || this.#isListDue) return;
    this.#isListDue = true;
    const checkMs = rules.checkMs * Math.ceil(clock() / rules.checkMs);
    queue.schedule(checkMs, this.#onChecked, 0, undefined);
  }

  readonly #onChecked = (): void => {
    this.#isListDue = false;
    this.#listed = this.#living;
    if (this.#options.rules.by === 'anycast') this.#rehash();
  };

  /** Routers hash each connection anew. One that comes to another balancer is reset: that one does not know it. */
  #rehash(): void {
    const moved = new Set<number>();
    for (let client = 0; client < this.#address.length; client++) {
      const to = this.#hashed(this.#hashes[client] as number);
      if (to !== this.#address[client]) moved.add(client);
    }
    const busy = this.#options.onBroken(moved);
    for (const client of moved) {
      // It knows already, and connects again; an idle one learns it from its next request.
      if (busy.has(client)) this.#renew(client);
      else this.#isBroken[client] = 1;
    }
  }

  /** The client asks DNS again, or opens a new connection. */
  #renew(client: number): void {
    const { rules, clock } = this.#options;
    if (rules.by === 'dns') {
      this.#address[client] = this.#listed[this.#draws.below(this.#listed.length)] as number;
      this.#untilMs[client] = clock() + rules.ttlMs;
    } else if (rules.by === 'anycast') {
      const hash = this.#draws.below(2 ** 32);
      this.#hashes[client] = hash;
      this.#address[client] = this.#hashed(hash);
      this.#untilMs[client] = clock() + this.#draws.exponential(rules.connectionMs);
    }
  }

  #alive(index: number): number {
    return this.#isAlive[index] === 1 ? index : -1;
  }

  #hashed(hash: number): number {
    const listed = this.#listed;
    if (!this.#options.rules.isConsistent) return listed[hash % listed.length] as number;
    // Rendezvous hashing (Thaler and Ravishankar, 1998): the balancer with the highest hash together with the connection's.
    let best = -1;
    let most = -1;
    for (const index of listed) {
      const mixed = mix(hash ^ mix(index + 1));
      if (mixed > most) [best, most] = [index, mixed];
    }
    return best;
  }

  /** Draws the client of a request. */
  #draw(): number {
    const draw = this.#draws.uniform();
    let [from, to] = [0, this.#bounds.length - 1];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#bounds[middle] as number) > draw) to = middle;
      else from = middle + 1;
    }
    return from;
  }
}

function boundsOf({ rates, skew }: ClientRules, count: number, draws: Draws): Float64Array {
  const weightOf = (rank: number): number => {
    if (rates === 'zipf') return (rank + 1) ** -skew;
    return rates === 'lognormal' ? draws.lognormal(1, skew) : 1;
  };
  const bounds = Float64Array.from({ length: count }, (_, rank) => weightOf(rank));
  const total = bounds.reduce((sum, each) => sum + each, 0);
  let bound = 0;
  for (const [client, weight] of bounds.entries()) bounds[client] = bound += weight / total;
  return bounds;
}

/** Mixes the bits of a number (the finalizer of MurmurHash3, Appleby, 2011). */
function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
