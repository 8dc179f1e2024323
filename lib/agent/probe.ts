// Parses `--probe` and opens the probe. Every figure of every probe is in range or null: never NaN, never a fraction
// outside 0..1.

import { MeercatError } from '../errors.js';
import type { Probe, ProbeOptions } from './probe-model.js';
import { openAgentCheckProbe } from './probes/agent-check.js';
import { isLimitedContainer, openCgroupProbe } from './probes/cgroup.js';
import { openMachineProbe } from './probes/machine.js';
import { openPidProbe } from './probes/pid.js';
import { openUrlProbe } from './probes/url.js';

const POSSIBLE = "auto, machine, cgroup, pid:N, agent-check://host:port, or the URL (http or https) of a JSON page with ORCA's names";

/**
 * Opens the probe that `spec` names: `auto`, `machine`, `cgroup`, `pid:N`, `agent-check://host:port`, or an http(s) URL.
 * `auto` is `cgroup` inside a container whose CPU or memory is limited to less than the machine's,
 * else `machine`. Opening takes the first sample of CPU time, so that the first read has a CPU figure; network probes
 * connect only at the first read, since the host may start later than its agent.
 *
 * Throws MEERCAT_BAD_CONFIG for a spec or `coresLimit` that is invalid or unsupported on this system, and
 * MEERCAT_START_FAILED for a process that does not exist.
 */
export async function openProbe(spec: string, options: ProbeOptions): Promise<Probe> {
  const { coresLimit } = options;
  if (coresLimit !== undefined && !(coresLimit > 0 && Number.isFinite(coresLimit))) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--cores must be a number above 0, not ${coresLimit}`);
  }
  if (spec === 'machine') return openMachineProbe(options);
  if (spec === 'cgroup') return openCgroupProbe(options, 'own');
  if (spec === 'auto') {
    return isLimitedContainer(options) ? openCgroupProbe(options, 'container') : openMachineProbe(options);
  }
  const pid = /^pid:([1-9]\d{0,9})$/.exec(spec)?.[1];
  if (pid !== undefined) return openPidProbe(Number(pid), options);
  if (/^https?:\/\//i.test(spec) && URL.canParse(spec)) return openUrlProbe(new URL(spec), options);
  const agent = /^agent-check:\/\/(?:\[[\da-f:.]+\]|[\w.-]+):[1-9]\d{0,4}$/i.test(spec) && URL.canParse(spec) ? new URL(spec) : undefined;
  if (agent !== undefined) return openAgentCheckProbe(agent, options);
  throw new MeercatError('MEERCAT_BAD_CONFIG', `--probe must be ${POSSIBLE}, not ${printable(spec)}`);
}

/** Makes a rejected spec safe for a message: one line, truncated, without a URL's password. */
function printable(spec: string): string {
  return JSON.stringify(spec.replace(/\/\/[^]*@/, '//…@').slice(0, 80));
}
