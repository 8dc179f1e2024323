// Consistent hashing with bounded load: all balancers send a key to the same host without asking each other, unless that
// host has more than its share of the requests in flight. Invariant: while loads are within the bound, a host that leaves
// or joins moves its own keys only.
// Sources: weighted rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates",
// IEEE/ACM ToN 6(1), 1998; weights by exponential races); bounded load (Mirrokni, Thorup and Zadimoghaddam, "Consistent
// Hashing with Bounded Loads", 2016).

import { FLEET, type HostView, LOOK, type PickTrace } from '../model.js';
import { isOldAge } from './adaptive.js';
import { weightOf } from './candidate-weights.js';
import { isEligible, lookOf } from './eligible.js';
import type { HostHashes } from './host-hashes.js';
import { pairHash } from './text-hash.js';

/** How far a host's requests in flight may exceed its share; the paper's 1 + ε. HAProxy recommends the same. */
const BALANCE = 1.25;

/** Number of values of a pair's hash. */
const HASHES = 2 ** 32;

/** Keys whose hosts are remembered while the list of candidates stays the same; a power of two. */
const KNOWN_KEYS = 4096;

/**
 * The sum of requests in flight is taken anew after one pick for each of this many hosts: in between it changes the mean
 * by no more than one request in as many.
 */
const HOSTS_PER_PICK = 64;

/** Picks by the hash of a key; allocates nothing. O(1) for a key seen before, else O(candidates). One for each pool. */
export class HashAffinity {
  readonly #hashes: HostHashes;
  readonly #trace: PickTrace | undefined;
  /** Hosts of keys: the key's hash, the view's epoch, and the slot + 1; 0: empty. */
  readonly #keysHi = new Int32Array(KNOWN_KEYS);
  readonly #keysLo = new Int32Array(KNOWN_KEYS);
  readonly #epochs = new Int32Array(KNOWN_KEYS);
  readonly #slots = new Int32Array(KNOWN_KEYS);
  /** Maximum requests in flight per weight. A cell, since V8 would allocate a fraction that crosses a call. */
  readonly #limit = new Float64Array(1);
  #limitEpoch = -1;
  #limitPicks = 0;

  constructor(hashes: HostHashes, trace?: PickTrace) {
    this.#hashes = hashes;
    this.#trace = trace;
  }

  /** Another one that picks the same, and leaves no trace in this one's. */
  tracedBy(trace: PickTrace): HashAffinity {
    return new HashAffinity(this.#hashes, trace);
  }

  /**
   * The host of a key, or the next one in its rank order that has room within the bound; -1 if no candidate may be picked.
   * A host that warms up gets all of its keys: they would move twice otherwise.
   * @param hashHi and `hashLo`: the key's hash (`AffinityKey`)
   */
  pick(view: HostView, nowMs: number, excluded: number, hashHi: number, hashLo: number): number {
    const candidates = view.candidates();
    if (candidates[0] === 0) return -1;
    const isOld = isOldAge(nowMs - (view.fleet[FLEET.loadsAt] as number));
    const own = this.#ownerOf(view, candidates, hashHi, hashLo);
    const mayUse = isEligible(view, own, nowMs, excluded);
    const load = loadOf(view, own, isOld);
    this.#trace?.look(view, own, nowMs, mayUse ? LOOK.eligible : lookOf(view, own, excluded, false), load);
    // The bound is at least 1.
    if (mayUse && load === 0) return own;
    this.#setLimit(view, candidates, isOld, nowMs, excluded, false);
    if (mayUse && isBelow(view, own, load, this.#limit)) return own;
    let next = this.#highest(view, candidates, isOld, nowMs, excluded, hashHi, hashLo);
    if (next < 0) {
      // Either none may be picked, or the bound is older than the loads.
      this.#setLimit(view, candidates, isOld, nowMs, excluded, true);
      next = this.#highest(view, candidates, isOld, nowMs, excluded, hashHi, hashLo);
    }
    if (next < 0) return mayUse ? own : -1;
    this.#trace?.look(view, next, nowMs, LOOK.eligible, loadOf(view, next, isOld));
    return next;
  }

  /** The candidate of the highest rank for this key, whether or not it may be picked. */
  #ownerOf(view: HostView, candidates: Int32Array, keyHi: number, keyLo: number): number {
    const { epoch } = view;
    const at = keyLo & (KNOWN_KEYS - 1);
    if (this.#slots[at] !== 0 && this.#keysLo[at] === keyLo && this.#keysHi[at] === keyHi && this.#epochs[at] === epoch)
      return (this.#slots[at] as number) - 1;
    const owner = this.#highest(view, candidates, false, Number.NaN, ANY, keyHi, keyLo);
    // If the list has just changed, this was the old one.
    if (view.candidates() !== candidates) return owner;
    this.#keysHi[at] = keyHi;
    this.#keysLo[at] = keyLo;
    this.#epochs[at] = epoch;
    this.#slots[at] = owner + 1;
    return owner;
  }

  /** The candidate of the highest rank for this key that may be picked and is within the limit. @param excluded `ANY`: the first of all */
  #highest(view: HostView, candidates: Int32Array, isOld: boolean, nowMs: number, excluded: number, keyHi: number, keyLo: number): number {
    const { hi, lo } = this.#hashes;
    const limit = this.#limit;
    const isWeighted = (view.epoch & 1) === 1;
    const count = candidates[0] as number;
    let best = -1;
    // The rank falls with the hash; with weights, with -ln(hash) / weight: of such exponential variables, each is the least
    // in proportion to its weight.
    let bestHash = -1;
    let bestRace = Number.POSITIVE_INFINITY;
    for (let place = 1; place <= count; place++) {
      const slot = candidates[place] as number;
      const hash = pairHash(keyHi, keyLo, hi[slot] as number, lo[slot] as number);
      let race = 0;
      if (isWeighted) {
        const share = (hash + 0.5) / HASHES;
        const weight = weightOf(view, slot);
        // 1 - x is a lower bound of -ln(x): it spares most logarithms.
        if (1 - share > bestRace * weight) continue;
        race = -Math.log(share) / weight;
        // Slots and lists differ between balancers, so they must not decide a tie.
        if (race > bestRace || (race === bestRace && (lo[slot] as number) < (lo[best] as number))) continue;
      } else if (hash < bestHash || (hash === bestHash && (lo[slot] as number) < (lo[best] as number))) {
        continue;
      }
      if (excluded !== ANY && !(isEligible(view, slot, nowMs, excluded) && isBelow(view, slot, loadOf(view, slot, isOld), limit))) continue;
      best = slot;
      bestHash = hash;
      if (isWeighted) bestRace = race;
    }
    return best;
  }

  /** Computes the limit over the hosts that may be picked: with the new request, `BALANCE` times the mean per weight. */
  #setLimit(view: HostView, candidates: Int32Array, isOld: boolean, nowMs: number, excluded: number, isForced: boolean): void {
    const { epoch } = view;
    const count = candidates[0] as number;
    if (!isForced && epoch === this.#limitEpoch && ++this.#limitPicks * HOSTS_PER_PICK < count) return;
    const isWeighted = (epoch & 1) === 1;
    let requests = 1;
    let weights = 0;
    for (let place = 1; place <= count; place++) {
      const slot = candidates[place] as number;
      if (!isEligible(view, slot, nowMs, excluded)) continue;
      requests += loadOf(view, slot, isOld);
      weights += isWeighted ? weightOf(view, slot) : 1;
    }
    this.#limit[0] = (BALANCE * requests) / weights;
    this.#limitEpoch = epoch;
    this.#limitPicks = 0;
  }
}

/**
 * Whether a request may go to the host that its sticky cookie names: it is a candidate, and neither excluded nor avoided. A
 * full host may have it: a session would rather wait in its queue than be lost. O(candidates).
 */
export function mayStick(view: HostView, slot: number, nowMs: number, excluded: number): boolean {
  const candidates = view.candidates();
  const at = candidates.indexOf(slot, 1);
  return at > 0 && at <= (candidates[0] as number) && slot !== excluded && !((view.avoidUntil[slot] as number) > nowMs);
}

/** Stands for the excluded slot where no candidate is left out. */
const ANY = -2;

/** Requests of the whole fleet that the host owes the next byte; our own alone where the table is old. */
function loadOf({ awaited, othersInflight }: HostView, slot: number, isOld: boolean): number {
  return (awaited[slot] as number) + (isOld ? 0 : (othersInflight[slot] as number));
}

/** Whether a host with this load may have one request more; where weights are equal, each counts as 1. */
function isBelow(view: HostView, slot: number, load: number, limit: Float64Array): boolean {
  const weight = (view.epoch & 1) === 1 ? weightOf(view, slot) : 1;
  return load + 1 <= Math.ceil((limit[0] as number) * weight);
}
