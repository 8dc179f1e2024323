// The fleet key while the fleet runs: it changes, and a balancer with a wrong one joins for a while.

import { newFleetKey } from '../../redis/fleet-key.js';
import { pause } from '../health.js';
import type { Faults } from './faults.js';
import { recordRefused, refusedBy } from './forging.js';
import { DRAINED_HOST, type Stage } from './stage.js';

/** Every process has read a file after this time, told or not; on a busy machine later. */
const READ_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 100;

/** Waits until all of these ids are what the balancers say of their keys. */
async function untilRead({ redis, keys, balancers, fleetKeys, history }: Stage): Promise<void> {
  const ids = fleetKeys.ids.join(',');
  for (let waitedMs = 0; waitedMs < READ_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
    const found = await Promise.all(balancers.map(({ name }) => redis.admin.hget(keys.balancer(name), 'fleet_key')));
    if (found.every((each) => each === ids)) return;
    await pause(LOOK_EVERY_MS);
  }
  history.note(`not every balancer has the keys ${ids} after ${READ_WITHIN_MS} ms`);
}

/** Waits until the real agent signs with the present key. */
async function untilAgentHas({ watch, keys, fleetKeys, realAgent }: Stage): Promise<void> {
  const signed = ` key=${fleetKeys.ids[0]} role=agent from=${realAgent.host.name} `;
  for (let waitedMs = 0; waitedMs < READ_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
    if (watch.messages.some(({ channel, text }) => channel === keys.reports && text.includes(signed))) return;
    await pause(LOOK_EVERY_MS);
  }
}

/** Faults of keys. No request may fail because of them. */
export const KEY_FAULTS: Faults = {
  async 'fleet key changed'(stage, random) {
    const { fleetKeys, history, balancers, realAgent, operator } = stage;
    const [old] = fleetKeys.fleetKeys as [string];
    const added = newFleetKey();
    // Half of the time each process finds the new file by itself.
    const isTold = random.below(2) === 0;
    const use = async (what: string, ...inForce: readonly string[]): Promise<void> => {
      history.note(`${what}${isTold ? '; all are told' : ''}`);
      fleetKeys.useInFleet(inForce);
      if (isTold) for (const each of balancers) each.reloadKey();
      await untilRead(stage);
    };
    await use('a second fleet key is added', old, added);
    await use('the second fleet key is made the first', added, old);
    history.note('agents and operators get keys that follow from it; operators set again what they have set');
    fleetKeys.useInAgents();
    if (isTold) realAgent.reloadKey();
    await operator.setAgain();
    await untilAgentHas(stage);
    return { hit: 'fleet', holdMs: 0, heal: () => use('the old fleet key is removed', added) };
  },

  async 'balancer with a wrong key'(stage) {
    const { fleetKeys, history } = stage;
    history.note('a balancer with a wrong fleet key joins');
    const stranger = await stage.stranger('stranger', fleetKeys.strangersFile());
    await stranger.start();
    return {
      hit: 'fleet',
      async heal() {
        await stranger.stop();
        history.note('the balancer with a wrong fleet key is gone');
      },
    };
  },

  async 'forged settings'(stage, random) {
    const { redis, keys, history, fleetKeys } = stage;
    const field = ['host:h1', `host:${DRAINED_HOST}`, 'algorithm'][random.below(3)] as string;
    const value = field === 'algorithm' ? 'round-robin' : field === 'host:h1' ? 'ejected' : 'none';
    const isSigned = random.below(2) === 0;
    const raw = isSigned ? fleetKeys.forger('chaos', 'operator', true).sign(`${keys.settings} ${field}`, value, 'operator') : value;
    const what = `somebody writes ${value} into ${field} of the settings, ${isSigned ? 'signed with another key' : 'unsigned'}`;
    history.note(what);
    const before = await refusedBy(stage);
    await redis.admin.hset(keys.settings, field, raw);
    return {
      hit: 'fleet',
      async heal() {
        await recordRefused(stage, what, before);
        // What he takes away is written back.
        await redis.admin.hdel(keys.settings, field);
      },
    };
  },
};
