// What the balancers may have in flight to one pool, as the master knows it. Pure. Invariant: `held` of a balancer is at least
// what it may have in flight: the shares that were sent to it and not yet replaced by one that it confirmed, and the requests
// that it had in flight when it did. Shares are raised only out of what nobody holds.

import type { PoolDemand } from '../routing/limit-types.js';
import { dealShares } from './deal-shares.js';

/** Shares sent to a balancer that it has not confirmed; more are merged, which only errs towards holding too much. */
const MAX_SENT = 32;

interface Holder {
  inflight: number;
  wanted: number;
  confirmed: number;
  credit: number;
  /** Shares sent since, oldest first, with the number of the last grants that had them. */
  sent: { lastSeq: number; share: number }[];
}

/** The ledger of one pool. */
export class PoolLedger {
  readonly #holders = new Map<string, Holder>();
  #claimed = 0;

  /** What balancers held when this mastership first heard of it: as much is known not to be held by others. */
  get claimed(): number {
    return this.#claimed;
  }

  /** Counts what a balancer holds as claimed; once for each. */
  claim(balancer: string): void {
    this.#claimed += this.heldBy(balancer);
  }

  /** A balancer has confirmed the grants with this number, and said what it has. */
  confirm(balancer: string, seq: number, { inflight, share, wanted }: PoolDemand): void {
    let holder = this.#holders.get(balancer);
    if (holder === undefined) {
      holder = { inflight: 0, wanted: 0, confirmed: 0, credit: 0, sent: [] };
      this.#holders.set(balancer, holder);
    }
    holder.inflight = inflight;
    holder.wanted = wanted;
    holder.confirmed = share;
    const later = holder.sent.findIndex(({ lastSeq }) => lastSeq > seq);
    holder.sent = later < 0 ? [] : holder.sent.slice(later);
  }

  /** A balancer has gone, and what it held with it. */
  drop(balancer: string): void {
    this.#holders.delete(balancer);
  }

  /** The most that a balancer may have in flight. */
  heldBy(balancer: string): number {
    const holder = this.#holders.get(balancer);
    return holder === undefined ? 0 : heldOf(holder);
  }

  /** The most that all balancers known to the ledger may have in flight. */
  get held(): number {
    let sum = 0;
    for (const holder of this.#holders.values()) sum += heldOf(holder);
    return sum;
  }

  /**
   * Deals the pool's budget out to these balancers; the others keep what they hold. Returns their shares. A balancer that the
   * ledger does not know gets none, since it may hold anything.
   */
  deal(seq: number, budget: number, balancers: readonly string[]): Map<string, number> {
    const dealt = new Map<string, number>();
    const known = balancers.filter((balancer) => this.#holders.has(balancer));
    const holders = known.map((balancer) => this.#holders.get(balancer) as Holder);
    if (holders.length === 0) return dealt;
    const before = holders.map(heldOf);
    const held = this.held;
    const others = held - before.reduce((sum, each) => sum + each, 0);
    const credits = holders.map(({ credit }) => credit);
    const targets = dealShares(
      Math.max(0, budget - others),
      holders.map(({ wanted }) => wanted),
      credits,
    );
    const needs = targets.map((target, index) => Math.max(0, target - (before[index] as number)));
    const raises = divide(Math.max(0, budget - held), needs);
    for (const [index, holder] of holders.entries()) {
      const share = Math.min(targets[index] as number, (before[index] as number) + (raises[index] as number));
      holder.credit = credits[index] as number;
      noteSent(holder, seq, share);
      dealt.set(known[index] as string, share);
    }
    return dealt;
  }
}

function heldOf({ inflight, confirmed, sent }: Holder): number {
  let most = Math.max(inflight, confirmed);
  for (const { share } of sent) most = Math.max(most, share);
  return most;
}

/** Divides an amount in proportion to needs, no more than each, in integers rounded down but for the first ones. */
function divide(amount: number, needs: readonly number[]): number[] {
  const total = needs.reduce((sum, each) => sum + each, 0);
  if (total <= amount) return [...needs];
  const parts = needs.map((need) => Math.floor((amount * need) / total));
  let left = amount - parts.reduce((sum, each) => sum + each, 0);
  for (const [index, need] of needs.entries()) {
    if (left === 0) break;
    if ((parts[index] as number) >= need) continue;
    (parts[index] as number)++;
    left--;
  }
  return parts;
}

function noteSent({ sent }: Holder, seq: number, share: number): void {
  const last = sent.at(-1);
  if (last?.share === share) {
    last.lastSeq = seq;
    return;
  }
  sent.push({ lastSeq: seq, share });
  if (sent.length <= MAX_SENT) return;
  const [first, second] = sent as [Holder['sent'][0], Holder['sent'][0]];
  sent.splice(0, 2, { lastSeq: second.lastSeq, share: Math.max(first.share, second.share) });
}
