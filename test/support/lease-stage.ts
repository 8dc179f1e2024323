// Where the contract of a LeaseStore is played: on the fake, in virtual time, or on a real Redis.
// Two stores over one Redis are two balancers.

import { buildKeys } from '../../lib/redis/keys.js';
import { createLeaseStore, type LeaseStore } from '../../lib/redis/lease-store.js';
import { FakeLeaseServer } from './fake-lease-server.js';
import { createFakeLeaseStore } from './fake-lease-store.js';
import { areReady, withClients } from './redis-client.js';
import { withRedis } from './redis-server.js';
import { until } from './until.js';

/** The lease of the stage lasts this long. */
export const STAGE_TTL_MS = 600;

/** Two stores, and what can be done to what is behind them. */
export interface LeaseStage {
  readonly a: LeaseStore;
  readonly b: LeaseStore;
  /** Lets the lease and the master's hash run out. */
  runOut(): Promise<void>;
  readTerm(): Promise<string | null>;
  writeTerm(text: string): Promise<void>;
  /** The master's hash; empty when there is none. */
  readMaster(): Promise<Record<string, string>>;
  goAway(): Promise<void>;
  /** Can be reached again, and has forgotten everything. */
  returnEmpty(): Promise<void>;
}

type UseStage = (stage: LeaseStage) => Promise<void>;

/** Plays on the fake. */
export async function onFake(fn: UseStage): Promise<void> {
  let nowMs = 0;
  const server = new FakeLeaseServer(() => nowMs);
  const reach = { isAway: false };
  await fn({
    a: createFakeLeaseStore(server, STAGE_TTL_MS, reach),
    b: createFakeLeaseStore(server, STAGE_TTL_MS, reach),
    async runOut() {
      nowMs += STAGE_TTL_MS + 1;
    },
    readTerm: async () => server.termText,
    async writeTerm(text) {
      server.termText = text;
    },
    async readMaster() {
      const { name, term, mastership, url, since } = server.master ?? {};
      return name === undefined ? {} : { name, term: String(term), mastership: String(mastership), url: String(url), since: String(since) };
    },
    async goAway() {
      reach.isAway = true;
    },
    async returnEmpty() {
      server.wipe();
      reach.isAway = false;
    },
  });
}

/** Plays on a Redis of its own. */
export async function onRedis(fn: UseStage): Promise<void> {
  await withRedis((redis) =>
    withClients([redis.url, redis.url], async (first, second) => {
      const keys = buildKeys('stage');
      await fn({
        a: createLeaseStore([first], keys, STAGE_TTL_MS),
        b: createLeaseStore([second], keys, STAGE_TTL_MS),
        async runOut() {
          await until(async () => (await first.exists(keys.lease, keys.master)) === 0, { what: 'the lease to run out', everyMs: 20 });
        },
        readTerm: () => first.get(keys.term),
        async writeTerm(text) {
          await first.set(keys.term, text);
        },
        readMaster: () => first.hgetall(keys.master),
        async goAway() {
          await redis.kill();
          await until(() => first.status !== 'ready' && second.status !== 'ready', { what: 'the loss to be noticed' });
        },
        async returnEmpty() {
          await redis.restart();
          await areReady(first, second);
        },
      });
    }),
  );
}
