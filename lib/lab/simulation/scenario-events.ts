// Schedules the events of a scenario, and their reversal.

import type { EventQueue } from './event-queue.js';
import { HOST_EMPTY, HOST_ERRS, HOST_REFUSES, HOST_SILENT, HOST_UP } from './host-machines.js';
import type { Restart, ScenarioEvent } from './scenario.js';

/** The effects of events. */
export interface EventEffects {
  /** Takes this many cores of a host; 0 returns them. */
  readonly takeCores: (host: number, cores: number) => void;
  readonly setStanding: (host: number, standing: number) => void;
  /** A host that went down is about to come back, and so. */
  readonly restarted: (host: number, restart: Restart) => void;
  readonly kill: (balancer: number) => void;
  /** A balancer that was killed starts again. */
  readonly revive: (balancer: number) => void;
  readonly killMaster: () => void;
  readonly loseRedis: (forMs: number) => void;
  readonly livingBalancers: () => readonly number[];
}

/** Schedules all events. The affected hosts are spread evenly, with an offset per event, so that all kinds are hit. */
export function planEvents(events: readonly ScenarioEvent[], queue: EventQueue, hosts: number, effects: EventEffects): void {
  for (const [number, event] of events.entries()) {
    const at = (atMs: number, run: () => void): void => {
      if (atMs < Number.POSITIVE_INFINITY) queue.schedule(atMs, run, 0, undefined);
    };
    const hit = (run: (host: number, i: number) => void): void => {
      if (!('hosts' in event)) return;
      for (let i = 0; i < event.hosts; i++) run((number + Math.floor((i * hosts) / event.hosts)) % hosts, i);
    };
    const endMs = event.atMs + event.forMs;
    switch (event.what) {
      case 'neighbours':
        at(event.atMs, () => hit((host) => effects.takeCores(host, event.cores)));
        at(endMs, () => hit((host) => effects.takeCores(host, 0)));
        break;
      case 'hosts-die':
        at(event.atMs, () => hit((host) => effects.setStanding(host, event.how === 'refused' ? HOST_REFUSES : HOST_SILENT)));
        at(endMs, () => hit((host) => effects.setStanding(host, HOST_UP)));
        break;
      case 'hosts-answer-wrongly':
        at(event.atMs, () => hit((host) => effects.setStanding(host, event.how === 'empty' ? HOST_EMPTY : HOST_ERRS)));
        at(endMs, () => hit((host) => effects.setStanding(host, HOST_UP)));
        break;
      case 'hosts-restart':
        hit((host, i) => {
          at(event.atMs + i * event.everyMs, () => effects.setStanding(host, HOST_REFUSES));
          at(endMs + i * event.everyMs, () => {
            effects.restarted(host, event);
            effects.setStanding(host, HOST_UP);
          });
        });
        break;
      case 'hosts-join':
      case 'hosts-leave':
        // The arrivals follow these too: see host-changes.ts.
        break;
      case 'balancers-die':
        // Take the last balancers: the first one is the master.
        at(event.atMs, () => {
          const dying = effects.livingBalancers().slice(-event.balancers);
          for (const index of dying) effects.kill(index);
          at(endMs, () => dying.forEach(effects.revive));
        });
        break;
      case 'master-dies':
        at(event.atMs, () => effects.killMaster());
        break;
      case 'redis-away':
        at(event.atMs, () => effects.loseRedis(event.forMs));
        break;
    }
  }
}
