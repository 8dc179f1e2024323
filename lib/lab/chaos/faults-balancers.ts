// Balancers that die, freeze and are stopped.

import { pickVictim, type Faults } from './faults.js';

/** From 0.2 to 5 s: shorter and longer than the lease, a heartbeat's TTL and the time after which tables are old. */
const MIN_FREEZE_MS = 200;
const MAX_FREEZE_MS = 5000;

/** Faults of balancers. */
export const BALANCER_FAULTS: Faults = {
  async 'balancer killed'(stage, random) {
    const { victim, hit } = await pickVictim(stage, random);
    stage.history.note(`kill -9 ${victim.name}`);
    const forbid = stage.history.allow(`${victim.name} is killed`, { balancers: [victim.name] });
    await victim.kill();
    return {
      hit,
      async heal() {
        forbid();
        await victim.start();
      },
    };
  },

  async 'balancer frozen'(stage, random) {
    const { victim, hit } = await pickVictim(stage, random);
    const holdMs = MIN_FREEZE_MS + random.below(MAX_FREEZE_MS - MIN_FREEZE_MS);
    stage.history.note(`freeze ${victim.name} for ${holdMs} ms`);
    const forbid = stage.history.allow(`${victim.name} is frozen`, { balancers: [victim.name] });
    const thaw = await victim.freeze();
    return {
      hit,
      holdMs,
      async heal() {
        await thaw();
        forbid();
      },
    };
  },

  async 'balancer stopped'(stage, random) {
    const { victim, hit } = await pickVictim(stage, random);
    stage.history.note(`SIGTERM to ${victim.name}`);
    // Only a refused connection: what it has accepted is answered.
    const forbid = stage.history.allow(`${victim.name} is stopped`, { balancers: [victim.name], problem: 'no answer (ECONNREFUSED' });
    await victim.stop();
    return {
      hit,
      async heal() {
        forbid();
        await victim.start();
      },
    };
  },
};
