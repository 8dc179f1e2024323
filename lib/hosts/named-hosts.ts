// Which hosts the living balancers name with --host, and which URL counts when they contradict each other: the one
// that most of them name; on a tie the one in use, else the first in alphabetical order. Has no clock and does no I/O.

import type { LoadMessage } from '../model.js';
import { BALANCER_TTL_MS } from './fleet-loads.js';

/** Names of balancers that a contradiction lists for each URL. */
const NAMES_SHOWN = 3;

interface Naming {
  heardAtMs: number;
  readonly hosts: readonly string[];
}

/** The static hosts of the fleet, as the load messages of living balancers name them. */
export class NamedHosts {
  readonly #balancers = new Map<string, Naming>();
  /** By host: its URLs, and the balancers that name each. */
  readonly #urls = new Map<string, Map<string, Set<string>>>();

  /** Whether any living balancer has said which hosts it names. Until then it cannot be told whether a host is still named. */
  get isHeard(): boolean {
    return this.#balancers.size > 0;
  }

  /** Takes a load message; only a full one names hosts. Gives the hosts that this balancer names, or did until now. */
  take({ balancer, isFull, statics }: Pick<LoadMessage, 'balancer' | 'isFull' | 'statics'>, nowMs: number): ReadonlySet<string> {
    const known = this.#balancers.get(balancer);
    if (!isFull) {
      if (known !== undefined) known.heardAtMs = nowMs;
      return new Set();
    }
    const concerned = new Set(this.#forget(balancer));
    this.#balancers.set(balancer, { heardAtMs: nowMs, hosts: statics.map(({ name }) => name) });
    for (const { name, url } of statics) {
      concerned.add(name);
      const urls = this.#urls.get(name) ?? new Map<string, Set<string>>();
      this.#urls.set(name, urls.set(url, (urls.get(url) ?? new Set()).add(balancer)));
    }
    return concerned;
  }

  /** Lets go of balancers that fell silent; gives the hosts that they named. */
  tick(nowMs: number): string[] {
    const silent = [...this.#balancers].filter(([, { heardAtMs }]) => nowMs - heardAtMs > BALANCER_TTL_MS);
    return silent.flatMap(([balancer]) => this.#forget(balancer));
  }

  /** Whether a living balancer names this host. */
  isNamed(host: string): boolean {
    return this.#urls.has(host);
  }

  /** The URL that counts; undefined for a host that no living balancer names. */
  urlOf(host: string, inUse: string | undefined): string | undefined {
    const urls = this.#urls.get(host);
    if (urls === undefined || urls.size === 1) return urls?.keys().next().value;
    const most = Math.max(...[...urls.values()].map(({ size }) => size));
    const tied = [...urls].filter(([, { size }]) => size === most).map(([url]) => url);
    return tied.find((url) => url === inUse) ?? tied.toSorted()[0];
  }

  /** Who names which URL, as a phrase for people; undefined while all who name the host agree. */
  contradiction(host: string): string | undefined {
    const urls = this.#urls.get(host);
    if (urls === undefined || urls.size < 2) return undefined;
    return [...urls]
      .toSorted()
      .map(([url, balancers]) => `${list([...balancers].toSorted())} ${balancers.size === 1 ? 'names' : 'name'} ${url}`)
      .join(', ');
  }

  #forget(balancer: string): readonly string[] {
    const known = this.#balancers.get(balancer);
    if (known === undefined) return [];
    this.#balancers.delete(balancer);
    for (const host of known.hosts) {
      const urls = this.#urls.get(host);
      for (const [url, balancers] of urls ?? []) {
        balancers.delete(balancer);
        if (balancers.size === 0) urls?.delete(url);
      }
      if (urls?.size === 0) this.#urls.delete(host);
    }
    return known.hosts;
  }
}

function list(names: readonly string[]): string {
  return names.length > NAMES_SHOWN
    ? `${names.slice(0, NAMES_SHOWN).join(', ')} and ${names.length - NAMES_SHOWN} more`
    : names.join(' and ');
}
