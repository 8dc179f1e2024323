// What arrives at a mastership: reports and load messages, checked, counted and handed to the registry. Messages that
// arrive before the inherited state was loaded wait, since that state must not be hidden by them.

import type { Clock } from '../clock.js';
import type { Keys } from '../redis/keys.js';
import type { MessageGate } from '../redis/message-gate.js';
import { openLoad, openReport } from '../redis/signed-messages.js';
import type { Count, CounterName } from '../table/counters.js';
import type { HostRegistry } from './host-registry.js';
import type { LimitMaster } from './limit-master.js';
import type { OtherBalancers } from './other-balancers.js';

/** Maximum messages held until a mastership has begun, which takes a second at most. */
const MAX_EARLY = 10_000;

/** The dependencies of `Intake`. */
export interface IntakeOptions {
  readonly keys: Keys;
  /** Checks what arrives. */
  readonly gate: MessageGate;
  readonly registry: HostRegistry;
  readonly limits: Pick<LimitMaster, 'onLoad'>;
  readonly others: OtherBalancers;
  readonly clock: Clock;
  readonly count: Count;
  /** There may be something to publish; with a load alone it is less urgent. */
  readonly onTaken: (isLoadAlone: boolean) => void;
}

/** Takes in the messages of one mastership. */
export class Intake {
  readonly #options: IntakeOptions;
  /** Undefined once the mastership has begun. */
  #early: [channel: string, text: string][] | undefined = [];

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** A message arrived on one of the two channels. */
  onMessage(channel: string, text: string): void {
    if (this.#early === undefined) this.#take(channel, text);
    else if (this.#early.length < MAX_EARLY) this.#early.push([channel, text]);
  }

  /** The inherited state is loaded: takes what has waited, and from now on everything at once. */
  begin(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const message of early) this.#take(...message);
  }

  #take(channel: string, text: string): void {
    if (channel === this.#options.keys.reports) this.#onReport(text);
    else this.#onLoad(text);
  }

  #onReport(text: string): void {
    const { gate, keys, registry, clock, count, onTaken } = this.#options;
    const opened = openReport(gate, keys.reports, text);
    // The gate has counted it.
    if (!opened.ok && opened.isCounted) return;
    const outcome = opened.ok ? registry.onReport(opened.value, clock()) : opened.reason;
    count(outcome === 'taken' ? 'reports_taken' : (`reports_dropped_${outcome}` as CounterName));
    onTaken(false);
  }

  #onLoad(text: string): void {
    const { gate, keys, registry, limits, others, clock, count, onTaken } = this.#options;
    const opened = openLoad(gate, keys.load, text);
    others.onLoad(opened, clock());
    if (!opened.ok && opened.isCounted) return;
    if (opened.ok) {
      const isTaken = registry.onLoad(opened.value, clock());
      if (isTaken) limits.onLoad(opened.value);
      count(isTaken ? 'loads_taken' : 'loads_dropped_name');
    } else
      count(opened.reason === 'oversized' || opened.reason === 'version' ? `loads_dropped_${opened.reason}` : 'loads_dropped_malformed');
    onTaken(true);
  }
}
