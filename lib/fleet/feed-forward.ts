// Computes the in-flight load that the other balancers add to each host: the fleet's figure in the master's table minus
// our own contribution to it. Invariant: exactly what the master had counted of ours is subtracted, so a pick, which
// adds our own current load, counts nothing twice.

import { FLEET, type HostTable } from '../model.js';
import { setCapacityTrend, setFleetFigure, setOthers } from '../table/fleet-cells.js';
import type { TableColumns } from '../table/layout.js';
import type { SlotHost } from '../table/slots.js';

/** Maximum load messages awaiting acknowledgement; beyond this, one was lost. */
const MAX_UNACKED = 24;

/** Time constant of the moving average of the capacities, in ms. */
const TREND_MS = 5000;

/** The contents of one load message, by slot of the host. */
export interface SentLoads {
  readonly seq: number;
  readonly sentAtMs: number;
  readonly slots: number[];
  readonly names: string[];
  readonly inflight: number[];
  readonly work: number[];
}

/** Computes the other balancers' figures in the shared table. */
export class FeedForward {
  readonly #columns: TableColumns;
  readonly #balancer: string;
  /** What the master's table contains of ours, by slot; the name says whether the slot still belongs to the same host. */
  readonly #ackedNames: string[] = [];
  readonly #ackedInflight: Int32Array;
  readonly #ackedWork: Float64Array;
  /** Unacknowledged messages, oldest first. */
  readonly #unacked: SentLoads[] = [];
  /** Sequence numbers of the first and the last message of this thread; NaN before the first. */
  #firstSeq = Number.NaN;
  #lastSeq = Number.NaN;
  #hasAcks = false;
  /** When the last acknowledged message was sent: an upper bound on the age of the others' figures. */
  #ackedSentAtMs = Number.NaN;
  #settledAtMs = Number.NaN;
  #term = 0;
  /** Interval of load messages. */
  #everyMs = 0;

  /** @param balancer our own name */
  constructor(columns: TableColumns, balancer: string) {
    this.#columns = columns;
    this.#balancer = balancer;
    this.#ackedInflight = new Int32Array(columns.slots);
    this.#ackedWork = new Float64Array(columns.slots);
  }

  /** Whether a message was lost: too many are unacknowledged. */
  get isLost(): boolean {
    return this.#unacked.length >= MAX_UNACKED;
  }

  /** Records a message that was sent. */
  onSent(sent: SentLoads): void {
    if (Number.isNaN(this.#firstSeq)) this.#firstSeq = sent.seq;
    this.#lastSeq = sent.seq;
    this.#unacked.push(sent);
    // The oldest message was lost; a later one supersedes it.
    if (this.#unacked.length > MAX_UNACKED) this.#unacked.shift();
  }

  /**
   * Recomputes the others' figures and the fleet's averages after a table was written into the shared one.
   * @param nowMs when the table arrived (process clock)
   */
  onTable({ stamp, acks }: Pick<HostTable, 'stamp' | 'acks'>, hosts: readonly SlotHost[], nowMs: number): void {
    if (stamp.term !== this.#term) {
      // A new master knows nothing of ours until it acknowledges it, even if it received messages sent before its
      // election.
      this.#term = stamp.term;
      this.#ackedNames.length = 0;
      this.#hasAcks = false;
    }
    for (const [balancer, seq] of acks) if (balancer === this.#balancer) this.#onAck(seq);
    this.#settle(hosts, nowMs);
  }

  /**
   * Confirms that the others' figures are still current when every message of ours was acknowledged: the master is
   * alive, and would have published any change.
   */
  touch(nowMs: number, everyMs: number): void {
    this.#everyMs = everyMs;
    if (this.#unacked.length > 0 || !this.#hasAcks) return;
    this.#ackedSentAtMs = nowMs;
    this.#setAge(nowMs);
  }

  /**
   * Handles an acknowledgement up to this sequence number. One that this thread did not send belongs to an earlier
   * thread or process of the same name, and its contents are unknown here.
   */
  #onAck(seq: number): void {
    if (!(seq >= this.#firstSeq && seq <= this.#lastSeq)) return;
    this.#hasAcks = true;
    while (this.#unacked.length > 0 && (this.#unacked[0] as SentLoads).seq <= seq) {
      const { slots, names, inflight, work, sentAtMs } = this.#unacked.shift() as SentLoads;
      this.#ackedSentAtMs = sentAtMs;
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i] as number;
        this.#ackedNames[slot] = names[i] as string;
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
    let ownSum = 0;
    let workSum = 0;
    let capacitySum = 0;
    for (const { slot, name } of hosts) {
      const isOurs = this.#ackedNames[slot] === name;
      const others = Math.max(0, (fleetInflight[slot] as number) - (isOurs ? (this.#ackedInflight[slot] as number) : 0));
      const work = others === 0 ? 0 : Math.max(0, (fleetWork[slot] as number) - (isOurs ? (this.#ackedWork[slot] as number) : 0));
      setOthers(columns, slot, others, work);
      const known = capacity[slot] as number;
      const trend = capacityTrend[slot] as number;
      // The first time neither the weight nor the trend exists (NaN). A new master may not know the capacity yet.
      if (!Number.isNaN(known)) setCapacityTrend(columns, slot, Number.isNaN(trend) ? known : trend + (known - trend) * trendWeight);
      if (isOurs) ownSum += this.#ackedInflight[slot] as number;
      capacitySum += Number.isNaN(known) ? assumed : known;
      inflightSum += others;
      workSum += work;
    }
    // The age counts from when our own message was sent, so it includes the round trip and all queueing.
    this.#setAge(nowMs);
    setFleetFigure(columns, 'othersShare', inflightSum > 0 ? inflightSum / (inflightSum + ownSum) : 0);
    setFleetFigure(columns, 'othersPerCapacity', capacitySum > 0 ? inflightSum / capacitySum : 0);
    setFleetFigure(columns, 'othersWorkPerCapacity', capacitySum > 0 ? workSum / capacitySum : 0);
  }

  /** The others speak once per interval too: on average, what they said is half of one older than what we said. */
  #setAge(nowMs: number): void {
    const atMs = Math.min(this.#ackedSentAtMs, nowMs) - this.#everyMs / 2;
    setFleetFigure(this.#columns, 'loadsAt', this.#hasAcks ? atMs : Number.NaN);
  }
}
