// The addresses behind a host's DNS name, refreshed in the background, never while a request waits. A failed lookup
// changes nothing. New connections are spread over all addresses; those that do not answer are tried last.

import { ADDRCONFIG } from 'node:dns';
import { lookup as lookupName } from 'node:dns/promises';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import type { Clock } from '../clock.js';
import { hostAddressOf } from './host-address.js';

/** One address of a name. */
export interface Address {
  readonly address: string;
  readonly family: number;
}

/** Resolves a name to its addresses, best first; rejects when it can't. */
export type Lookup = (name: string) => Promise<readonly Address[]>;

/** Asks the system resolver: hosts file and DNS, as configured. */
export const systemLookup: Lookup = (name) => lookupName(name, { all: true, hints: ADDRCONFIG });

/** Lookup interval. The system resolver does not return a TTL; few records have a shorter one. */
const LOOKUP_EVERY_MS = 15_000;

/** Minimum interval between two lookups, used while no address is known or none answers. */
const LOOKUP_AGAIN_MS = 1000;

/** How long an address that did not answer is tried last; then one connection tries it again. */
const AVOID_ADDRESS_MS = 10_000;

/** Maximum addresses used of a longer answer: each gets its share of the connect timeout. */
const MAX_ADDRESSES = 16;

interface KnownAddress extends Address {
  /** Without its zone (`%eth0`), as sockets report their peer. */
  readonly peer: string;
  /** Until when it is tried last; 0 while it is not known to fail. */
  avoidUntilMs: number;
}

/** Notifications to the owner of the addresses. */
export interface AddressEvents {
  /** The name resolves to other addresses than before. */
  onChange(addresses: readonly string[]): void;
  /** A lookup failed, for the first time since a success or again; the addresses are kept. */
  onFailure(error: Error, isFirst: boolean): void;
}

const NO_EVENTS: AddressEvents = { onChange: () => undefined, onFailure: () => undefined };

/** Options that make `net.connect` try one address after the other, within this time in total. */
export function tryEach(
  addresses: HostAddresses,
  timeoutMs: number,
): { readonly lookup: LookupFunction; readonly autoSelectFamily: true; readonly autoSelectFamilyAttemptTimeout: number } {
  // Node.js takes no less than 10 ms.
  return {
    lookup: addresses.lookup,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: Math.max(10, Math.floor(timeoutMs / Math.max(2, addresses.count))),
  };
}

/** The addresses of one name. The first lookup begins at once. */
export class HostAddresses {
  readonly #name: string;
  readonly #find: Lookup;
  readonly #clock: Clock;
  readonly #events: AddressEvents;
  #known: readonly KnownAddress[] = [];
  /** Connections that wait for the first lookup. */
  #waiting: ((error: Error | null) => void)[] = [];
  #isLookingUp = false;
  #hasFailed = false;
  #lookedUpAtMs = Number.NEGATIVE_INFINITY;
  #nextLookupAtMs = Number.NEGATIVE_INFINITY;
  #lastError: Error = new Error('the name was not looked up yet');
  #turn = 0;

  constructor(name: string, find: Lookup, clock: Clock, events = NO_EVENTS) {
    this.#name = name;
    this.#find = find;
    this.#clock = clock;
    this.#events = events;
    this.refresh(clock());
  }

  /** The addresses of a URL's host; undefined when it is an IP address, which needs no lookup. */
  static of(url: URL, find: Lookup, clock: Clock, events?: AddressEvents): HostAddresses | undefined {
    const name = hostAddressOf(url).host;
    return isIP(name) === 0 ? new HostAddresses(name, find, clock, events) : undefined;
  }

  /** Number of known addresses. */
  get count(): number {
    return this.#known.length;
  }

  /** Starts a lookup when one is due. Call it a few times a second, or at each use. */
  refresh(nowMs: number): void {
    if (this.#isLookingUp || nowMs < this.#nextLookupAtMs) return;
    this.#isLookingUp = true;
    this.#lookedUpAtMs = nowMs;
    this.#find(this.#name).then(
      (found) => (found.length > 0 ? this.#take(found) : this.#fail(new Error(`no address of ${this.#name}`))),
      (error: unknown) => this.#fail(error),
    );
  }

  /** The lookup function for `net.connect`: answers from known addresses, and waits only for the first lookup. */
  readonly lookup: LookupFunction = (_name, { all }, callback) => {
    const answer = (error: Error | null): void => {
      const [first, ...others] = error === null ? this.inOrder() : [];
      if (first === undefined) callback(error ?? this.#lastError, '', 4);
      else if (all === true) callback(null, [first, ...others] as { address: string; family: number }[]);
      else callback(null, first.address, first.family);
    };
    this.refresh(this.#clock());
    if (this.#known.length === 0 && this.#isLookingUp) this.#waiting.push(answer);
    // Defer: the caller may not have attached its listeners yet.
    else process.nextTick(answer, this.#known.length === 0 ? this.#lastError : null);
  };

  /** All addresses in the order in which one connection tries them: rotated each time, those that did not answer last. */
  inOrder(): Address[] {
    const nowMs = this.#clock();
    const count = this.#known.length;
    const start = this.#turn++;
    const answering: KnownAddress[] = [];
    const avoided: KnownAddress[] = [];
    for (let i = 0; i < count; i++) {
      const each = this.#known[(start + i) % count] as KnownAddress;
      if (each.avoidUntilMs > nowMs) {
        avoided.push(each);
        continue;
      }
      // This connection tries it; no other does until the outcome is known.
      if (each.avoidUntilMs !== 0) each.avoidUntilMs = nowMs + AVOID_ADDRESS_MS;
      answering.push(each);
    }
    return [...answering, ...avoided].map(({ address, family }) => ({ address, family }));
  }

  /** Whether the name still resolves to this peer's address. */
  isCurrent(peer: string): boolean {
    return this.#known.some((each) => each.peer === peer);
  }

  /** A connection to this peer was established. */
  onConnected(peer: string): void {
    for (const each of this.#known) if (each.peer === peer) each.avoidUntilMs = 0;
  }

  /** A connection to this address failed. */
  onFailed(address: string): void {
    for (const each of this.#known) if (each.address === address) each.avoidUntilMs = this.#clock() + AVOID_ADDRESS_MS;
  }

  /** No address answered: the host may have moved, so the next lookup is due a second after the last one. */
  onNoneAnswered(): void {
    this.#nextLookupAtMs = Math.min(this.#nextLookupAtMs, this.#lookedUpAtMs + LOOKUP_AGAIN_MS);
  }

  /** Observes a connecting socket, made with `tryEach`, to learn which addresses answer. */
  watch(socket: Socket): void {
    const onFailed = (address: string): void => this.onFailed(address);
    socket.on('connectionAttemptFailed', onFailed);
    socket.on('connectionAttemptTimeout', onFailed);
    socket.once('connect', () => this.onConnected(socket.remoteAddress ?? ''));
  }

  #take(found: readonly Address[]): void {
    const before = this.#known;
    const byAddress = new Map<string, KnownAddress>();
    for (const { address, family } of found.slice(0, MAX_ADDRESSES)) {
      byAddress.set(
        address,
        before.find((each) => each.address === address) ?? { address, family, peer: address.replace(/%.*/, ''), avoidUntilMs: 0 },
      );
    }
    this.#known = [...byAddress.values()];
    this.#hasFailed = false;
    this.#end(null, LOOKUP_EVERY_MS);
    const hasChanged = before.length !== this.#known.length || this.#known.some((each) => !before.includes(each));
    if (hasChanged && before.length > 0) this.#events.onChange([...byAddress.keys()]);
  }

  #fail(error: unknown): void {
    this.#lastError = error instanceof Error ? error : new Error(String(error));
    const isFirst = !this.#hasFailed;
    this.#hasFailed = true;
    this.#end(this.#lastError, this.#known.length === 0 ? LOOKUP_AGAIN_MS : LOOKUP_EVERY_MS);
    this.#events.onFailure(this.#lastError, isFirst);
  }

  #end(error: Error | null, againInMs: number): void {
    this.#isLookingUp = false;
    this.#nextLookupAtMs = this.#clock() + againInMs;
    for (const answer of this.#waiting.splice(0)) answer(error);
  }
}
