// The figures of the whole fleet during one mastership: takes in those of the balancers, publishes the sum once a second,
// and stores it every 5 s. People and metrics read them; no request is routed by them, so nothing here ends a mastership.

import { type Clock, SECOND } from '../clock.js';
import { FleetTraffic } from '../fleet-traffic.js';
import type { Commands } from '../redis/connect.js';
import type { HostMinute, MinuteFigures, MinutesSource } from '../minute-figures.js';
import { viewIntervalMs } from '../redis/figures-interval.js';
import type { Keys } from '../redis/keys.js';
import type { MessageGate } from '../redis/message-gate.js';
import type { QuietPublisher } from '../redis/quiet-publish.js';
import type { MessageSigner } from '../redis/sign.js';
import { openFigures } from '../redis/signed-messages.js';
import { publishView, readView, writeView } from '../redis/view-store.js';
import type { Count } from '../table/counters.js';

/** Interval at which the figures are stored; the TTL is four times as long. */
const STORE_EVERY_MS = 5 * SECOND;

/** A tick may come a little early. */
const SLACK_MS = 100;

/** The dependencies of `FiguresMaster`. */
export interface FiguresMasterOptions {
  readonly client: Commands;
  readonly publisher: QuietPublisher;
  readonly keys: Keys;
  readonly gate: MessageGate;
  readonly signer: MessageSigner;
  readonly clock: Clock;
  readonly count: Count;
  readonly term: number;
  readonly mastership: string;
}

/** The figures during one mastership. */
export class FiguresMaster implements MinutesSource {
  readonly #options: FiguresMasterOptions;
  readonly #traffic = new FleetTraffic();
  readonly #timer: NodeJS.Timeout;
  #ejections: ReadonlyMap<string, number> = new Map();
  /** As last written. */
  #ejectionsBefore: ReadonlyMap<string, number> = new Map();
  #publishedAtMs = Number.NEGATIVE_INFINITY;
  #storedAtMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(options: FiguresMasterOptions) {
    this.#options = options;
    const { client, keys, gate } = options;
    this.#timer = setInterval(() => this.#tick(), SECOND);
    // The history goes on where the last master left it.
    void readView(client, keys, gate).then(
      (stored) => {
        if (stored !== null && !this.#isStopped) this.#traffic.seed(stored, Date.now());
      },
      () => undefined,
    );
  }

  /** A message arrived on `figures`. */
  onMessage(text: string): void {
    const { gate, keys, clock, count } = this.#options;
    const opened = openFigures(gate, keys.figures, text);
    if (opened.ok) count(this.#traffic.take(opened.value, clock()) ? 'figures_taken' : 'figures_dropped_old');
    // The gate has counted the others.
    else if (!opened.isCounted)
      count(
        opened.reason === 'oversized' || opened.reason === 'version' ? `figures_dropped_${opened.reason}` : 'figures_dropped_malformed',
      );
  }

  /** A balancer has left the fleet in good order. */
  leave(balancer: string): void {
    this.#traffic.leave(balancer);
  }

  /** The last minute of a pool; undefined without any traffic. */
  pool(name: string): MinuteFigures | undefined {
    return this.#traffic.poolMinute(name);
  }

  /** The last minute of a host; undefined without any traffic or ejection. */
  host(name: string): HostMinute | undefined {
    const minute = this.#traffic.hostMinute(name);
    const ejectedBy = this.#ejections.get(name) ?? 0;
    return minute === undefined && ejectedBy === 0 ? undefined : { ...minute, ejectedBy };
  }

  /** The hosts that other balancers than before have ejected, or fewer. */
  takeEjectionChanges(): string[] {
    const [before, now] = [this.#ejectionsBefore, this.#ejections];
    this.#ejectionsBefore = now;
    return [...new Set([...before.keys(), ...now.keys()])].filter((name) => before.get(name) !== now.get(name));
  }

  #tick(): void {
    const { client, publisher, keys, signer, clock, term, mastership } = this.#options;
    const [nowMs, atMs] = [clock(), Date.now()];
    this.#traffic.tick(nowMs, atMs);
    this.#ejections = this.#traffic.ejections();
    if (nowMs - this.#publishedAtMs < viewIntervalMs(this.#traffic.hostCount) - SLACK_MS) return;
    this.#publishedAtMs = nowMs;
    const figures = this.#traffic.figures(nowMs, { term, mastership, atMs });
    publishView(publisher, keys, figures, signer);
    if (nowMs - this.#storedAtMs < STORE_EVERY_MS - SLACK_MS || client.status !== 'ready') return;
    this.#storedAtMs = nowMs;
    void writeView(client, keys, this.#traffic.stored(figures), signer).catch(() => undefined);
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }
}
