// Reads this balancer's traffic once a second, and tells the master of it. Figures are for people: what can't be sent is
// dropped.

import { type Clock, SECOND } from '../clock.js';
import { figuresIntervalMs } from '../redis/figures-interval.js';
import { encodeFigures } from '../redis/figures-message.js';
import type { Keys } from '../redis/keys.js';
import type { QuietPublisher } from '../redis/quiet-publish.js';
import type { MessageSigner } from '../redis/sign.js';
import type { TableWriter } from '../table/writer.js';
import type { ThreadConfig } from '../thread-messages.js';
import { LatencyWindows } from './latency-windows.js';
import type { CountedColumns } from './own-traffic.js';

/** A tick may come a little early. */
const SLACK_MS = 100;

/** The dependencies of `FiguresSync`. */
export interface FiguresSyncOptions {
  readonly config: Pick<ThreadConfig, 'name' | 'instance'>;
  readonly columns: CountedColumns;
  readonly publisher: QuietPublisher;
  readonly signer: MessageSigner;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly writer: Pick<TableWriter, 'pools' | 'hosts'>;
  /** Whether this balancer owns its name: of two with one name only the owner speaks. */
  readonly isHeard: () => boolean;
  /** Number of balancers in the fleet. */
  readonly balancers: () => number;
}

/** Reads and sends until it is stopped. */
export class FiguresSync {
  /** This balancer's own figures. */
  readonly windows: LatencyWindows;
  readonly #options: FiguresSyncOptions;
  readonly #timer: NodeJS.Timeout;
  #sentAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: FiguresSyncOptions) {
    const { config, columns, clock } = options;
    this.#options = options;
    this.windows = new LatencyWindows({ columns, balancer: config.name, instance: config.instance, clock, wallClock: Date.now });
    this.#timer = setInterval(() => this.#tick(), SECOND);
  }

  #tick(): void {
    const { publisher, signer, keys, clock, writer, isHeard, balancers } = this.#options;
    const hosts = writer.hosts();
    this.windows.tick(writer.pools, hosts);
    const nowMs = clock();
    if (nowMs - this.#sentAtMs < figuresIntervalMs(balancers(), hosts.length) - SLACK_MS) return;
    this.#sentAtMs = nowMs;
    const message = this.windows.takeMessage();
    if (message !== undefined && isHeard() && publisher.isReady)
      publisher.publish(keys.figures, signer.sign(keys.figures, encodeFigures(message), 'balancer'));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
