// How forged messages are sent, and what is wrong with their signatures. Whoever may publish can do this; with a fleet key
// none of it may have an effect, and all of it is counted.

import type { SenderRole } from '../../redis/fleet-key.js';
import { counterField } from '../../redis/fleet-view.js';
import type { Random } from '../../routing/random.js';
import { COUNTERS } from '../../table/counters.js';
import { pause } from '../health.js';
import { type Begun, pickOne } from './faults.js';
import type { Stage } from './stage.js';

const FORGE_EVERY_MS = 100;

/** Counters reach Redis with the next heartbeat; on a busy machine later. */
const COUNTED_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 100;

/** Messages to send now. */
export type Forge = () => readonly { readonly channel: string; readonly text: string }[];

/** A message that looks as if it were the fleet's. */
export type Disguise = (channel: string, text: string, term?: number) => string;

const DISGUISES = ['unsigned', 'signed with another key', 'signed in another role', 'moved from another channel'] as const;

/**
 * Draws what is wrong with the signature of forged messages.
 * @param role who may say this
 * @param name who is said to say it
 */
export function pickDisguise({ fleetKeys, keys }: Stage, role: SenderRole, name: string, random: Random): [kind: string, Disguise] {
  const kind = pickOne(DISGUISES, random);
  const signedRole = kind !== 'signed in another role' ? role : role === 'operator' ? 'balancer' : 'operator';
  const signer = fleetKeys.forger(name, signedRole, kind === 'signed with another key');
  const disguise: Disguise = (channel, text, term = 0) => {
    if (kind === 'unsigned') return text;
    const place = kind !== 'moved from another channel' ? channel : channel === keys.events ? keys.stats : keys.events;
    return signer.sign(place, text, signedRole, term);
  };
  return [kind, disguise];
}

/** Publishes forged messages until it is healed, and records whether the fleet has counted what it refused. */
export async function publishing(stage: Stage, what: string, forge: Forge, everyMs = FORGE_EVERY_MS): Promise<Begun> {
  const { history, redis, watch } = stage;
  const before = await refusedBy(stage);
  history.note(what);
  history.add({ kind: 'forging', atMs: history.nowMs(), isOn: true });
  const timer = setInterval(() => {
    for (const { channel, text } of forge()) {
      watch.ignored.add(text);
      redis.admin.publish(channel, text).catch(() => undefined);
    }
  }, everyMs);
  return {
    hit: 'fleet',
    async heal() {
      clearInterval(timer);
      history.add({ kind: 'forging', atMs: history.nowMs(), isOn: false });
      await recordRefused(stage, what, before);
    },
  };
}

/** Records how much has been refused, once it is more than before or the time is over. */
export async function recordRefused(stage: Stage, what: string, before: number): Promise<void> {
  let after = await refusedBy(stage);
  for (let waitedMs = 0; after <= before && waitedMs < COUNTED_WITHIN_MS; waitedMs += LOOK_EVERY_MS) {
    await pause(LOOK_EVERY_MS);
    after = await refusedBy(stage);
  }
  stage.history.add({ kind: 'refused', atMs: stage.history.nowMs(), what, before, after });
}

const REFUSALS = COUNTERS.filter(
  (name) => /_dropped_(?:unsigned|altered|key|role|replayed|clock)$/.test(name) || name === 'settings_dropped',
);

/** How many messages and settings the balancers have refused, as their heartbeats say. */
export async function refusedBy({ redis, keys, balancers }: Stage): Promise<number> {
  const counts = await Promise.all(balancers.map(({ name }) => redis.admin.hmget(keys.balancer(name), ...REFUSALS.map(counterField))));
  return counts.flat().reduce((sum, text) => sum + Number(text ?? 0), 0);
}
