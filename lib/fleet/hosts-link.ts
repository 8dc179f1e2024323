// The fleet thread's link to the hosts thread. A hosts thread that was restarted is told at once that this balancer is
// master; what it says of its writes goes to the lease.

import type { MessagePort } from 'node:worker_threads';
import type { FleetToHosts, HostsToFleet } from '../thread-messages.js';
import type { HeldTerm } from '../redis/term.js';
import type { Site } from '../site-model.js';

/** The dependencies of `HostsLink`. */
export interface HostsLinkOptions {
  readonly port: MessagePort;
  /** What the hosts thread needs to take over, besides the term. */
  readonly inheritance: () => Omit<Extract<FleetToHosts, { type: 'become-master' }>, 'type' | 'term' | 'mastership' | 'site'>;
  /** A newer master exists. */
  readonly onFenced: (term: number) => void;
  /** No other balancer has the key that the master of this term signs with. */
  readonly onUnheard: (term: number) => void;
  /** The master of this term can't publish. */
  readonly onUnwritten: (term: number, reason: string) => void;
}

/** The link; survives restarts of the hosts thread. */
export class HostsLink {
  readonly #options: HostsLinkOptions;
  #port: MessagePort;
  #site: Site | null = null;
  #isMaster = false;

  constructor(options: HostsLinkOptions) {
    this.#options = options;
    this.#port = options.port;
    this.#listen();
  }

  /** This balancer is master. */
  becomeMaster({ term, mastership }: HeldTerm): void {
    this.#isMaster = true;
    this.#post({ type: 'become-master', term, mastership, site: this.#site, ...this.#options.inheritance() });
  }

  /** This balancer is master no more. */
  becomeSlave(): void {
    this.#isMaster = false;
    this.#post({ type: 'become-slave' });
  }

  /** A balancer has left the fleet in good order. */
  balancerLeft(balancer: string): void {
    if (this.#isMaster) this.#post({ type: 'balancer-left', balancer });
  }

  /** Another site is in force, or none. */
  setSite(site: Site | null): void {
    this.#site = site;
    if (this.#isMaster) this.#post({ type: 'site', site });
  }

  /** The hosts thread was restarted; `held` is what it must know: the term, if this balancer is master. */
  reconnect(port: MessagePort, held: HeldTerm | null): void {
    this.#port = port;
    this.#listen();
    if (held !== null) this.becomeMaster(held);
  }

  close(): void {
    this.#port.close();
  }

  #post(message: FleetToHosts): void {
    this.#port.postMessage(message);
  }

  #listen(): void {
    const { onFenced, onUnheard, onUnwritten } = this.#options;
    this.#port.on('message', (message: HostsToFleet) => {
      if (message.type === 'fenced') onFenced(message.term);
      else if (message.type === 'unheard') onUnheard(message.term);
      else onUnwritten(message.term, message.reason);
    });
  }
}
