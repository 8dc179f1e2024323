// What limits the CPU of balancers while they are compared: control groups of the kernel where this user may make them; else all balancers share one core with equal weights. A limit counts only if the kernel was seen to
// enforce it.

import { findCgroups } from '../../agent/probes/cgroup-tree.js';
import { messageOf, MeercatError } from '../../errors.js';
import type { Shutdown } from '../../shutdown.js';
import { chooseCores } from '../cores.js';
import { until } from '../health.js';
import { cpuTimesByProcess } from '../process-cpu.js';
import { type Core, startProgram } from '../processes.js';
import { Cgroups } from './cgroups.js';
import type { QuotaKind } from './figures.js';

/** Longest wait for the kernel to stop a process that uses more than its share. */
const TRIAL_TIMEOUT_MS = 3000;
const TRIAL_CORES = 0.1;

/** The limit of one balancer. */
export interface CpuLimit {
  /** Limits it to this many cores; null for no limit. */
  set(cores: number | null): void;
}

/** How CPU is limited in a run. */
export interface Quota {
  readonly kind: QuotaKind;
  /** The core of all balancers, and the one of load, hosts and Redis; null for any. */
  readonly balancerCore: Core;
  readonly loadCore: Core;
  /** Puts all processes of a balancer under one limit, which is set later. */
  limit(name: string, pid: number): CpuLimit;
}

/**
 * Chooses the best way that works here, and tells which. Call it before anything is started, so that groups are removed
 * after their processes. Rejects with MEERCAT_START_FAILED where nothing works.
 */
export async function chooseQuota(shutdown: Shutdown, say: (line: string) => void): Promise<Quota> {
  const { cpu } = findCgroups('/proc', 'self');
  const groups = cpu === null ? undefined : Cgroups.openIn(cpu);
  if (groups !== undefined) {
    shutdown.add(() => groups.remove());
    const lack = await lackOf(groups, shutdown);
    if (lack === null) {
      say(`CPU is limited by control groups of version ${groups.version}`);
      return {
        kind: groups.version === 2 ? 'cgroup-v2' : 'cgroup-v1',
        balancerCore: null,
        loadCore: null,
        limit: (name, pid) => {
          const group = groups.add(name, [...cpuTimesByProcess(pid).keys()]);
          return { set: (cores) => group.limit(cores) };
        },
      };
    }
    say(`control groups of version ${groups.version} limit nothing: ${lack}`);
    await groups.remove();
  }
  const shared = shareCore(say);
  if (shared !== undefined) return shared;
  throw new MeercatError(
    'MEERCAT_START_FAILED',
    'bench fleet limits the CPU of balancers with control groups (run it as root, or where the cpu controller is delegated), or else with taskset on two cores; neither works here',
  );
}

/** All balancers on one core, all else on another; undefined on one core, or without taskset. */
export function shareCore(say: (line: string) => void): Quota | undefined {
  const { proxyCore, loadCore } = chooseCores(() => undefined);
  if (proxyCore === null) return undefined;
  say('control groups are not permitted here: all balancers share one core by taskset, which only limits them together');
  return { kind: 'taskset', balancerCore: proxyCore, loadCore, limit: () => ({ set: () => undefined }) };
}

/** Limits a process that never waits; null once the kernel has stopped it for a while, else the reason. */
async function lackOf(groups: Cgroups, shutdown: Shutdown): Promise<string | null> {
  const spinning = await startProgram('/bin/sh', ['-c', 'while :; do :; done'], { core: null, shutdown });
  try {
    const group = groups.add('trial', [spinning.pid]);
    group.limit(TRIAL_CORES);
    await until('the kernel to limit a process', TRIAL_TIMEOUT_MS, 20, () => group.throttledPeriods() > 1);
    return null;
  } catch (error) {
    return messageOf(error);
  } finally {
    await spinning.stop();
  }
}
