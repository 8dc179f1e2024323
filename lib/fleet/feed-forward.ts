// The others' requests: keeps what of this balancer's own the master's table contains, and takes it off. Invariant:
// the others' part is the fleet's figure less exactly what of our own is in it, so that a pick, which adds our own as
// it is now, counts nothing twice.

import { FLEET, type HostTable } from '../model.js';
import { setCapacityTrend, setFleetFigure, setOthers } from '../table/fleet-cells.js';
import type { TableColumns } from '../table/layout.js';
import type { SlotHost } from '../table/slots.js';

/** So many messages may be on their way; when more are not acknowledged, something was lost. */
const MAX_UNACKED = 24;

/** The time constant of the trend of capacities. */
const TREND_MS = 5000;

/** What one load message said, by its hosts' places. */
export interface Said {
  readonly seq: number;
  readonly sentAtMs: number;
  readonly slots: number[];
  readonly names: string[];
  readonly inflight: number[];
  readonly work: number[];
}

/** Works out the others' figures of the shared table. */
export class FeedForward {
  readonly #columns: TableColumns;
  readonly #balancer: string;
  /** What the master's table contains of ours, by slot; the name tells whether the slot still is of the same host. */
  readonly #ackedOf: string[] = [];
  readonly #ackedInflight: Int32Array;
  readonly #ackedWork: Float64Array;
  /** Messages that are not acknowledged, oldest first. */
  readonly #unacked: Said[] = [];
  /** The first and the last message of this thread; NaN before the first. */
  #firstSeq = Number.NaN;
  #lastSeq = Number.NaN;
  #hasAcks = false;
  /** When the last message that is acknowledged was sent: what the others have is at least as young. */
  #ackedSentAtMs = Number.NaN;
  #settledAtMs = Number.NaN;
  #term = 0;

  /** @param balancer our own name */
  constructor(columns: TableColumns, balancer: string) {
    this.#columns = columns;
    this.#balancer = balancer;
    this.#ackedInflight = new Int32Array(columns.slots);
    this.#ackedWork = new Float64Array(columns.slots);
  }

  /** Whether so much is unacknowledged that a message was lost. */
  get isLost(): boolean {
    return this.#unacked.length >= MAX_UNACKED;
  }

  /** A message was sent. */
  onSent(said: Said): void {
    if (Number.isNaN(this.#firstSeq)) this.#firstSeq = said.seq;
    this.#lastSeq = said.seq;
    this.#unacked.push(said);
    // What is contained in a later message need not be kept: those that are let go were lost.
    if (this.#unacked.length > MAX_UNACKED) this.#unacked.shift();
  }

  /**
   * A table was written into the shared one: works out what of it is the others', and the fleet's averages.
   * @param nowMs when it came (process's clock)
   */
  onTable({ stamp, acks }: Pick<HostTable, 'stamp' | 'acks'>, hosts: readonly SlotHost[], nowMs: number): void {
    if (stamp.term !== this.#term) {
      // A new master knows nothing of ours until it acknowledges it; it may have heard what was sent before it was known.
      this.#term = stamp.term;
      this.#ackedOf.length = 0;
      this.#hasAcks = false;
    }
    for (const [balancer, seq] of acks) if (balancer === this.#balancer) this.#onAck(seq);
    this.#settle(hosts, nowMs);
  }

  /**
   * Says that the others' figures are still true, if they are: all that this balancer said was acknowledged, so the
   * master lives, and it would have told what changed.
   */
  touch(nowMs: number): void {
    if (this.#unacked.length > 0 || !this.#hasAcks) return;
    this.#ackedSentAtMs = nowMs;
    setFleetFigure(this.#columns, 'loadsAt', nowMs);
  }

  /**
   * The master's table contains our messages up to this one. One that this thread did not send is of an earlier thread
   * or process of this name: what was in it is not known here.
   */
  #onAck(seq: number): void {
    if (!(seq >= this.#firstSeq && seq <= this.#lastSeq)) return;
    this.#hasAcks = true;
    while (this.#unacked.length > 0 && (this.#unacked[0] as Said).seq <= seq) {
      const { slots, names, inflight, work, sentAtMs } = this.#unacked.shift() as Said;
      this.#ackedSentAtMs = sentAtMs;
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i] as number;
        this.#ackedOf[slot] = names[i] as string;
        this.#ackedInflight[slot] = inflight[i] as number;
        this.#ackedWork[slot] = work[i] as number;
      }
    }
  }

  #settle(hosts: readonly SlotHost[], nowMs: number): void {
    const columns = this.#columns;
    const { fleetInflight, fleetWork, capacity, capacityTrend, fleet } = columns;
    const trendWeight = 1 - Math.exp((this.#settledAtMs - nowMs) / TREND_MS);
    this.#settledAtMs = nowMs;
    const neutral = fleet[FLEET.neutralCapacity] as number;
    const assumed = Number.isNaN(neutral) ? 1 : neutral;
    let inflightSum = 0;
    let workSum = 0;
    let capacitySum = 0;
    for (const { slot, name } of hosts) {
      const isOurs = this.#ackedOf[slot] === name;
      const others = Math.max(0, (fleetInflight[slot] as number) - (isOurs ? (this.#ackedInflight[slot] as number) : 0));
      const work = others === 0 ? 0 : Math.max(0, (fleetWork[slot] as number) - (isOurs ? (this.#ackedWork[slot] as number) : 0));
      setOthers(columns, slot, others, work);
      const known = capacity[slot] as number;
      const trend = capacityTrend[slot] as number;
      // The first time there is no weight (NaN), and no trend either; a new master may not know yet.
      if (!Number.isNaN(known)) setCapacityTrend(columns, slot, Number.isNaN(trend) ? known : trend + (known - trend) * trendWeight);
      capacitySum += Number.isNaN(known) ? assumed : known;
      inflightSum += others;
      workSum += work;
    }
    // Counted from when our own part was sent: so it contains the way there and back, and whatever it waited for.
    setFleetFigure(columns, 'loadsAt', this.#hasAcks ? Math.min(this.#ackedSentAtMs, nowMs) : Number.NaN);
    setFleetFigure(columns, 'othersPerCapacity', capacitySum > 0 ? inflightSum / capacitySum : 0);
    setFleetFigure(columns, 'othersWorkPerCapacity', capacitySum > 0 ? workSum / capacitySum : 0);
  }
}
