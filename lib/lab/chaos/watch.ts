// Watches a fleet for its history: each balancer's health page, what masters write to Redis, and what is published.
// What did not change is recorded once.

import { decodeEvent } from '../../redis/event-message.js';
import { parseRedisAddress } from '../../redis/address.js';
import { type Commands, openSubscription } from '../../redis/connect.js';
import type { Keys } from '../../redis/keys.js';
import { withoutSignature } from '../../redis/signature.js';
import { decodeTable } from '../../redis/table-message.js';
import { MAX_TERM, parseTerm } from '../../redis/term.js';
import type { HostTable, Stamp } from '../../model.js';
import { pause } from '../health.js';
import type { ChaosBalancer, ChaosHealth } from './chaos-balancer.js';
import type { ChaosRedis } from './chaos-redis.js';
import { isForgedMastership } from './forged.js';
import type { History } from './history.js';

const LOOK_EVERY_MS = 50;
const READ_EVERY_MS = 100;

/** Messages that are kept to be replayed. */
const MAX_KEPT_MESSAGES = 300;

/** A message as it was published. */
export interface Message {
  readonly channel: string;
  readonly text: string;
}

/** What a watch needs. */
export interface WatchSetup {
  readonly redis: ChaosRedis;
  readonly keys: Keys;
  readonly balancers: readonly ChaosBalancer[];
  readonly history: History;
}

/** A running watch. */
export class Watch {
  /** The last messages on all channels. */
  readonly messages: Message[] = [];
  /** The whole table as Redis last had it. */
  stored: HostTable | undefined;
  /** The last whole table that was published. */
  published: HostTable | undefined;
  /** Messages that the run itself forges or replays: they are nobody's claim. */
  readonly ignored = new Set<string>();
  readonly #setup: WatchSetup;
  readonly #pages = new Map<string, ChaosHealth>();
  /** What was last recorded of each place in Redis. */
  readonly #recorded = new Map<string, string>();
  readonly #over = new AbortController();
  readonly #subscription: { close(): void };
  readonly #running: Promise<unknown>;

  constructor(setup: WatchSetup) {
    this.#setup = setup;
    const { redis, keys, balancers } = setup;
    const channels = [keys.stats, keys.events, keys.load, keys.reports];
    this.#subscription = openSubscription(parseRedisAddress(redis.urlOf('admin')), channels, (channel, text) => this.#hear(channel, text));
    this.#running = Promise.all([...balancers.map((each) => this.#lookAt(each)), this.#readRedis(redis.admin)]);
  }

  /** The last health page of a balancer that lives now. */
  pageOf(balancer: ChaosBalancer): ChaosHealth | undefined {
    return balancer.isAnswering ? this.#pages.get(`${balancer.name} ${balancer.life}`) : undefined;
  }

  async stop(): Promise<void> {
    this.#over.abort();
    this.#subscription.close();
    await this.#running;
  }

  #hear(channel: string, text: string): void {
    const { keys, history } = this.#setup;
    if (this.ignored.has(text)) return;
    if (text.length < 100_000) this.messages.push({ channel, text });
    if (this.messages.length > MAX_KEPT_MESSAGES) this.messages.shift();
    const atMs = history.nowMs();
    if (channel === keys.stats) {
      const decoded = decodeTable(withoutSignature(text));
      if (!decoded.ok || isForgedMastership(decoded.value.stamp.mastership)) return;
      history.add({ kind: 'table', atMs, stamp: decoded.value.stamp });
      if (decoded.value.isFull) this.published = decoded.value;
    } else if (channel === keys.events) {
      const decoded = decodeEvent(withoutSignature(text));
      if (!decoded.ok) return;
      const { kind, name, term, mastership = null } = decoded.value;
      if (kind !== 'master-elected' || term === undefined || (mastership !== null && isForgedMastership(mastership))) return;
      history.add({ kind: 'claim', atMs, where: 'master-elected event', name, term, mastership });
    }
  }

  async #lookAt(balancer: ChaosBalancer): Promise<void> {
    const { history } = this.#setup;
    while (!this.#over.signal.aborted) {
      const { life } = balancer;
      const sentMs = history.nowMs();
      const page = await balancer.health();
      if (page !== undefined && life === balancer.life) {
        const { role, term, hosts, table } = page;
        this.#pages.set(`${balancer.name} ${life}`, page);
        history.add({ kind: 'health', sentMs, atMs: history.nowMs(), balancer: balancer.name, life, role, term, hosts, table });
      }
      await pause(LOOK_EVERY_MS);
    }
  }

  async #readRedis(client: Commands): Promise<void> {
    const { keys, balancers, history } = this.#setup;
    while (!this.#over.signal.aborted) {
      const pipeline = client.pipeline().get(keys.term).get(keys.table).hmget(keys.master, 'name', 'term', 'mastership');
      for (const { name } of balancers) pipeline.hmget(keys.balancer(name), 'role', 'term', 'instance');
      const startEvents = history.events.length;
      const replies = await pipeline.exec().catch(() => null);
      // What Redis lost while it was read was there before.
      const hasLost = history.events.slice(startEvents).some(({ kind }) => kind === 'redis-lost');
      if (replies !== null && !hasLost) this.#record(replies.map(([error, value]) => (error === null ? value : null)));
      await pause(READ_EVERY_MS);
    }
  }

  #record([termText, tableText, master, ...beats]: readonly unknown[]): void {
    const { balancers } = this.#setup;
    const term = parseTerm(termText, MAX_TERM);
    if (term.term > 0) this.#stored('term', { ...term, seq: 0 });
    const decoded = typeof tableText === 'string' ? decodeTable(withoutSignature(tableText)) : undefined;
    this.stored = decoded?.ok === true ? decoded.value : undefined;
    if (this.stored !== undefined) this.#stored('table', this.stored.stamp);
    const [name, masterTerm, mastership] = fields(master);
    if (name !== undefined) this.#claim('master hash', name, masterTerm, mastership ?? null);
    for (const [index, beat] of beats.entries()) {
      const [role, beatTerm] = fields(beat);
      if (role === 'master') this.#claim('heartbeat', balancers[index]?.name ?? '', beatTerm, null);
    }
  }

  #stored(where: 'term' | 'table', stamp: Stamp): void {
    const { history } = this.#setup;
    if (!isForgedMastership(stamp.mastership) && this.#isNews(where, JSON.stringify(stamp)))
      history.add({ kind: 'stored', atMs: history.nowMs(), where, stamp });
  }

  #claim(where: 'master hash' | 'heartbeat', name: string, termText: string | undefined, mastership: string | null): void {
    const { history } = this.#setup;
    const term = Number(termText);
    if (!(term > 0) || (mastership !== null && isForgedMastership(mastership))) return;
    if (this.#isNews(`${where} ${where === 'heartbeat' ? name : ''}`, `${name} ${term} ${mastership}`))
      history.add({ kind: 'claim', atMs: history.nowMs(), where, name, term, mastership });
  }

  #isNews(place: string, text: string): boolean {
    if (this.#recorded.get(place) === text) return false;
    this.#recorded.set(place, text);
    return true;
  }
}

/** The fields of a hash, where it is one. */
function fields(reply: unknown): (string | undefined)[] {
  return Array.isArray(reply) ? reply.map((each) => (typeof each === 'string' ? each : undefined)) : [];
}
