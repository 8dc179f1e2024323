// Hosts that die, freeze and misbehave, and agents that die, lie and take another one's name.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../routing/random.js';
import { freePort } from '../processes.js';
import { REPORT_EVERY_MS } from './agents.js';
import { RESPONSE_TIMEOUT_MS } from './chaos-balancer.js';
import { type HostBehaviour, WELL_BEHAVED } from './chaos-host.js';
import { type Fault, type Faults, pickOne } from './faults.js';
import type { AllowOptions } from './history.js';
import { type ChaosHost, DRAINED_HOST, type Stage } from './stage.js';

/** What a host began while it misbehaved ends in this time: slow answers, and connections that it closes after them. */
const ENDS_WITHIN_MS = 1000;

/** A host that gets requests. */
function pickHost({ hosts }: Stage, random: Random): ChaosHost {
  return pickOne(
    hosts.filter(({ name }) => name !== DRAINED_HOST),
    random,
  );
}

/** A host that gets requests and whose reports are published by the run. */
function pickReported(stage: Stage, random: Random): ChaosHost {
  return pickOne(
    stage.hosts.filter(({ name }) => name !== DRAINED_HOST && name !== stage.realAgent.host.name),
    random,
  );
}

function misbehaving(draw: (random: Random) => HostBehaviour, text: string, failures: AllowOptions | null): Fault {
  return async (stage, random) => {
    const host = pickHost(stage, random);
    stage.history.note(`${host.name} ${text}`);
    const forbid = failures === null ? () => undefined : stage.history.allow(`${host.name} ${text}`, failures);
    host.behave(draw(random));
    return {
      hit: 'host',
      async heal() {
        host.behave(WELL_BEHAVED);
        await sleep(ENDS_WITHIN_MS);
        forbid();
      },
    };
  };
}

/** Faults of hosts. */
export const HOST_FAULTS: Faults = {
  async 'host killed'(stage, random) {
    const host = pickHost(stage, random);
    stage.history.note(`kill -9 ${host.name}`);
    // It may have done what it was asked in its last moment; everything else goes to another host.
    const forbid = stage.history.allow(`${host.name} is killed`, { method: 'POST', problem: '502' });
    await host.kill();
    forbid();
    return { hit: 'host', heal: () => host.start() };
  },

  async 'host frozen'(stage, random) {
    const host = pickHost(stage, random);
    stage.history.note(`freeze ${host.name}`);
    const forbid = stage.history.allow(`${host.name} is frozen`, { problem: '504', minMs: RESPONSE_TIMEOUT_MS * 0.9 });
    const thaw = await host.freeze();
    return {
      hit: 'host',
      holdMs: 500 + random.below(5000),
      async heal() {
        await thaw();
        forbid();
      },
    };
  },

  'host answers 500': misbehaving(() => ({ ...WELL_BEHAVED, status: 500 }), 'answers 500', { problem: '500' }),
  'host slow': misbehaving((random) => ({ ...WELL_BEHAVED, delayMs: 200 + random.below(900) }), 'answers slowly', null),
  'host closes connections': misbehaving((random) => ({ ...WELL_BEHAVED, closeAfterMs: random.below(60) }), 'closes its connections', {
    method: 'POST',
    problem: '502',
  }),
};

/** Faults of agents. No request may fail because of them. */
export const AGENT_FAULTS: Faults = {
  async 'agent killed'(stage, random) {
    if (random.below(2) === 0) {
      const { realAgent } = stage;
      stage.history.note(`kill -9 the agent of ${realAgent.host.name}`);
      await realAgent.end('SIGKILL');
      return { hit: 'real agent', heal: () => realAgent.start() };
    }
    const { name } = pickReported(stage, random);
    stage.history.note(`the agent of ${name} falls silent`);
    stage.agents.silent.add(name);
    return { hit: 'agent', heal: () => void stage.agents.silent.delete(name) };
  },

  async 'agent stopped'(stage) {
    const { realAgent } = stage;
    stage.history.note(`SIGTERM to the agent of ${realAgent.host.name}: it signs its host off`);
    await realAgent.end('SIGTERM');
    return { hit: 'real agent', heal: () => realAgent.start() };
  },

  async 'agent lies'(stage, random) {
    const { name } = pickReported(stage, random);
    const lie = pickOne([{ cpu: 0 }, { cpu: 1, memory: 1 }, { cpu: 0, cores: 4096 }, { cores: 0 }], random);
    stage.history.note(`the agent of ${name} lies: ${JSON.stringify(lie)}`);
    stage.agents.lies.set(name, lie);
    return { hit: 'agent', heal: () => void stage.agents.lies.delete(name) };
  },

  async 'agent repeats a name'(stage, random) {
    const host = pickHost(stage, random);
    const other = pickOne(
      stage.hosts.filter(({ name }) => name !== host.name && name !== DRAINED_HOST),
      random,
    );
    const isDead = random.below(2) === 0;
    const url = isDead ? `http://127.0.0.1:${await freePort()}` : other.url;
    stage.history.note(`a second agent reports ${host.name} at ${isDead ? 'a port where nobody listens' : `the port of ${other.name}`}`);
    const instance = randomUUID();
    const timer = setInterval(() => stage.agents.report({ name: host.name, url }, { instance, cpu: 0 }), REPORT_EVERY_MS);
    return { hit: 'agent', heal: () => clearInterval(timer) };
  },
};
