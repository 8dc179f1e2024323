// Redis that dies, forgets, freezes and refuses.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../routing/random.js';
import { freePort } from '../processes.js';
import { type Faults, pickOne, pickVictim } from './faults.js';
import type { Stage } from './stage.js';

/** For this long at most Redis is away before it comes back empty. */
const MAX_AWAY_MS = 2400;

/** A master that is killed is replaced within this time: the lease's TTL and 0.5 s, and time to write. */
const NEXT_MASTER_MS = 2500;

/** Every balancer knows a setting after its next heartbeat. */
const KNOWN_AFTER_MS = 1500;

/** What stands in Redis may go back while this runs. */
async function loses(stage: Stage, change: () => Promise<unknown>): Promise<void> {
  const { history } = stage;
  history.add({ kind: 'redis-lost', atMs: history.nowMs() });
  await change();
  // What was read meanwhile may have been recorded after the first mark.
  history.add({ kind: 'redis-lost', atMs: history.nowMs() });
}

const healed = async (): Promise<void> => undefined;

/** The keys that a fault changes; a name of a balancer or host stands for that one's hash. */
function drawKey({ keys, balancers, hosts }: Stage, random: Random): string {
  const { lease, term, master, balancers: order, hosts: known, table, settings, costs } = keys;
  const ofOne = [keys.balancer(pickOne(balancers, random).name), keys.host(pickOne(hosts, random).name)];
  return pickOne([lease, term, master, order, known, table, settings, costs, ...ofOne], random);
}

/** Faults of Redis. No request may fail because of them. */
export const REDIS_FAULTS: Faults = {
  async 'redis empty'(stage, random) {
    const awayMs = random.below(4) * (MAX_AWAY_MS / 3);
    stage.history.note(`Redis is killed, and back empty after ${awayMs} ms`);
    await loses(stage, async () => {
      await stage.redis.kill();
      await sleep(awayMs);
      await stage.redis.start();
    });
    return { hit: 'redis', heal: healed };
  },

  async 'redis empty with a fresh balancer'(stage, random) {
    const { victim } = await pickVictim(stage, random);
    stage.history.note(`Redis and ${victim.name} are killed; ${victim.name} is back before the empty Redis`);
    const forbid = stage.history.allow(`${victim.name} is killed`, { balancers: [victim.name] });
    await loses(stage, async () => {
      await stage.redis.kill();
      await victim.kill();
      forbid();
      await victim.start();
      await stage.redis.start();
    });
    return { hit: 'redis', heal: healed };
  },

  async 'redis flushed'(stage) {
    stage.history.note('FLUSHALL');
    await loses(stage, () => stage.redis.admin.flushall());
    return { hit: 'redis', heal: healed };
  },

  async 'redis from an old dump'(stage, random) {
    const { redis, history, operator } = stage;
    const dump = await redis.dump();
    const algorithm = pickOne(['round-robin', 'least-request'] as const, random);
    const isNewTerm = random.below(2) === 0;
    const { victim } = await pickVictim(stage, random);
    history.note(`Redis writes a dump${isNewTerm ? `; ${victim.name} is killed and back` : ''}`);
    if (isNewTerm) {
      const forbid = history.allow(`${victim.name} is killed`, { balancers: [victim.name] });
      await victim.kill();
      await sleep(NEXT_MASTER_MS);
      forbid();
      await victim.start();
    }
    await operator.setAlgorithm(algorithm);
    await sleep(KNOWN_AFTER_MS);
    history.note('Redis is killed, and back with the old dump');
    await loses(stage, async () => {
      await redis.kill();
      await redis.start(dump);
    });
    // What the dump lacks is written back. An older algorithm in it stays there, although balancers go on with the newer
    // one: the operator sets it again. His drained host must stand.
    return {
      hit: 'redis',
      async heal() {
        await operator.setAlgorithm(algorithm);
        await sleep(KNOWN_AFTER_MS);
      },
    };
  },

  async 'redis frozen'(stage) {
    stage.history.note('freeze Redis');
    return { hit: 'redis', heal: await stage.redis.freeze() };
  },

  async 'redis full'({ redis, history }) {
    history.note('Redis is full: maxmemory 1, noeviction');
    await redis.admin.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.admin.config('SET', 'maxmemory', '1');
    return { hit: 'redis', heal: async () => void (await redis.admin.config('SET', 'maxmemory', '0')) };
  },

  async 'redis read-only'({ redis, history }, random) {
    const way = random.below(3);
    history.note(`Redis takes no writes: ${['it is a replica', 'it has too few replicas', 'the ACL of the balancers forbids them'][way]}`);
    if (way === 0) {
      await redis.admin.replicaof('127.0.0.1', String(await freePort()));
      return { hit: 'redis', heal: async () => void (await redis.admin.replicaof('NO', 'ONE')) };
    }
    if (way === 1) {
      await redis.admin.config('SET', 'min-replicas-to-write', '1');
      return { hit: 'redis', heal: async () => void (await redis.admin.config('SET', 'min-replicas-to-write', '0')) };
    }
    const denied = ['eval', 'evalsha', 'set', 'hset', 'publish'];
    await redis.admin.acl('SETUSER', 'meercat-balancer', ...denied.map((command) => `-${command}`));
    return {
      hit: 'redis',
      heal: async () => void (await redis.admin.acl('SETUSER', 'meercat-balancer', ...denied.map((command) => `+${command}`))),
    };
  },

  async 'redis kills clients'({ redis, history }) {
    history.note('Redis kills all clients, again and again');
    const timer = setInterval(() => {
      for (const type of ['normal', 'pubsub']) redis.admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes').catch(() => undefined);
    }, 400);
    return { hit: 'redis', heal: () => clearInterval(timer) };
  },

  async 'redis key deleted'(stage, random) {
    const key = drawKey(stage, random);
    stage.history.note(`DEL ${key}`);
    await loses(stage, () => stage.redis.admin.del(key));
    return { hit: key.replace(/:(balancer|host):.*/, ':$1:NAME'), heal: healed };
  },

  async 'redis key of another type'(stage, random) {
    const key = drawKey(stage, random);
    stage.history.note(`${key} becomes a list`);
    await loses(stage, () => stage.redis.admin.multi().del(key).rpush(key, 'garbage').exec());
    return { hit: key.replace(/:(balancer|host):.*/, ':$1:NAME'), heal: healed };
  },
};
