// Computes the in-flight load that the other balancers add to each host: the fleet's figure in the master's table minus
// our own contribution to it. Invariant: exactly what the master had counted of ours is subtracted, so a pick, which
// adds our own current load, counts nothing twice.

import type { HostTable } from '../model.js';
import { KEEP_ALIVE_MS } from '../redis/load-interval.js';
import { setFleetFigure, setOthers } from '../table/fleet-cells.js';
import { NO_POOL, type TableColumns } from '../table/layout.js';
import type { SlotHost } from '../table/slots.js';

/** The contents of one load message, by slot of the host. */
export interface SentLoads {
  readonly seq: number;
  readonly isFull: boolean;
  readonly sentAtMs: number;
  readonly slots: number[];
  readonly names: string[];
  readonly inflight: number[];
  readonly work: number[];
  readonly longLived: number[];
}

/** Computes the other balancers' figures in the shared table. */
export class FeedForward {
  readonly #columns: TableColumns;
  readonly #balancer: string;
  /** What the master's table contains of ours, by slot; the name says whether the slot still belongs to the same host. */
  readonly #ackedNames: string[] = [];
  readonly #ackedInflight: Int32Array;
  readonly #ackedWork: Float64Array;
  readonly #ackedLongLived: Int32Array;
  /** Unacknowledged messages, oldest first. */
  readonly #unacked: SentLoads[] = [];
  #fullSeq = 0;
  /** Sequence numbers of the first and the last message of this thread; NaN before the first. */
  #firstSeq = Number.NaN;
  #lastSeq = Number.NaN;
  #hasAcks = false;
  /** When the last acknowledged message was sent: an upper bound on the age of the others' figures. */
  #ackedSentAtMs = Number.NaN;
  #term = 0;
  /** Interval of load messages. */
  #everyMs = 0;
  /** The pools of the hosts at the last table. */
  #pools: ReadonlySet<number> = new Set([0]);

  /** @param balancer our own name */
  constructor(columns: TableColumns, balancer: string) {
    this.#columns = columns;
    this.#balancer = balancer;
    this.#ackedInflight = new Int32Array(columns.slots);
    this.#ackedWork = new Float64Array(columns.slots);
    this.#ackedLongLived = new Int32Array(columns.slots);
  }

  /** Whether a message counts as lost: it has not been acknowledged within `KEEP_ALIVE_MS`. */
  isLost(nowMs: number): boolean {
    const [oldest] = this.#unacked;
    return oldest !== undefined && nowMs - oldest.sentAtMs >= KEEP_ALIVE_MS;
  }

  /** Records a message that was sent. */
  onSent(sent: SentLoads): void {
    if (Number.isNaN(this.#firstSeq)) this.#firstSeq = sent.seq;
    this.#lastSeq = sent.seq;
    this.#unacked.push(sent);
    if (!sent.isFull) return;
    // A full message supersedes those before it, but one of these may still be acknowledged: keep two full ones.
    while ((this.#unacked[0] as SentLoads).seq < this.#fullSeq) this.#unacked.shift();
    this.#fullSeq = sent.seq;
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
      const { slots, names, inflight, work, longLived, sentAtMs } = this.#unacked.shift() as SentLoads;
      this.#ackedSentAtMs = sentAtMs;
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i] as number;
        this.#ackedNames[slot] = names[i] as string;
        this.#ackedInflight[slot] = inflight[i] as number;
        this.#ackedWork[slot] = work[i] as number;
        this.#ackedLongLived[slot] = longLived[i] as number;
      }
    }
  }

  #settle(hosts: readonly SlotHost[], nowMs: number): void {
    const columns = this.#columns;
    const { fleetInflight, fleetWork, fleetLongLived } = columns;
    /** Requests in flight by pool: the others', and our own. */
    const sums = new Map<number, { others: number; own: number }>();
    for (const { slot, name } of hosts) {
      const isOurs = this.#ackedNames[slot] === name;
      const others = Math.max(0, (fleetInflight[slot] as number) - (isOurs ? (this.#ackedInflight[slot] as number) : 0));
      const work = others === 0 ? 0 : Math.max(0, (fleetWork[slot] as number) - (isOurs ? (this.#ackedWork[slot] as number) : 0));
      const longLived = Math.max(0, (fleetLongLived[slot] as number) - (isOurs ? (this.#ackedLongLived[slot] as number) : 0));
      setOthers(columns, slot, others, work, longLived);
      const pool = columns.pool[slot] as number;
      if (pool === NO_POOL) continue;
      let sum = sums.get(pool);
      if (sum === undefined) sums.set(pool, (sum = { others: 0, own: 0 }));
      if (isOurs) sum.own += this.#ackedInflight[slot] as number;
      sum.others += others;
    }
    // The age counts from when our own message was sent, so it includes the round trip and all queueing.
    this.#pools = new Set(sums.keys());
    this.#setAge(nowMs);
    for (const [pool, { others, own }] of sums) setFleetFigure(columns, 'othersShare', others > 0 ? others / (others + own) : 0, pool);
  }

  /** The others speak once per interval too: on average, what they said is half of one older than what we said. */
  #setAge(nowMs: number): void {
    const atMs = Math.min(this.#ackedSentAtMs, nowMs) - this.#everyMs / 2;
    for (const pool of this.#pools) setFleetFigure(this.#columns, 'loadsAt', this.#hasAcks ? atMs : Number.NaN, pool);
  }
}
