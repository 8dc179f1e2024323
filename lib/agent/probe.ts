// What an agent measures its host with. Parses `--probe` and opens the probe it names.
// Whatever is measured, every figure is in its range or null: a probe never hands out NaN,
// and never a fraction outside 0..1.

import { MeercatError } from '../errors.js';
import type { HostFigures } from '../model.js';
import { openAgentCheckProbe } from './probes/agent-check.js';
import { isLimitedContainer, openCgroupProbe } from './probes/cgroup.js';
import { openMachineProbe } from './probes/machine.js';
import { openPidProbe } from './probes/pid.js';
import { openUrlProbe } from './probes/url.js';

/** What a read gives. */
export interface ProbeReading extends HostFigures {
  /** The host is to get no new requests, whatever its figures: it says so itself. */
  readonly isOut?: boolean;
}

/** Something that measures one host, again and again. */
export interface Probe {
  /** Which probe it is: `machine`, `cgroup`, `pid`, `agent-check` or `url`; for `auto`, the one that was chosen. */
  readonly kind: string;
  /**
   * Measures the host now. CPU is the mean since the last read that gave a CPU figure, or since the
   * probe was opened; it is null when that was less than 50 ms ago. A figure that cannot be had is null.
   * Rejects with an Error, whose message is fit for a log, when the thing probed is gone: the process
   * ended, the URL gives no usable answer. A later read may succeed again (a URL) or not (a process).
   */
  read(): Promise<ProbeReading>;
  /** Lets go of what the probe holds; a read under way rejects. May be called more than once. */
  close(): void;
}

/** How to open a probe. */
export interface ProbeOptions {
  /** How many cores the host may use, if the user says so (`--cores`); overrides what is found. */
  readonly coresLimit?: number | undefined;
  /** How long one read may wait for the network or the system, in milliseconds. */
  readonly timeoutMs: number;
  /** Where the proc filesystem is. Default: `/proc`. Its `self/mountinfo` says where the cgroups are. */
  readonly procRoot?: string | undefined;
  /** A monotonic clock, in milliseconds. Default: `performance.now()`. */
  readonly nowMs?: (() => number) | undefined;
}

const POSSIBLE = 'auto, machine, cgroup, pid:N, agent-check://host:port, or the URL (http or https) of a JSON page with ORCA\'s names';

/**
 * Opens the probe that `spec` names: `auto`, `machine`, `cgroup`, `pid:N`, `agent-check://host:port`, or an http(s) URL.
 * `auto` is `cgroup` inside a container whose CPU or memory is limited to less than the machine's,
 * else `machine`. Opening takes the first sample of CPU time, so that the first read can tell it;
 * what is asked over the network is not contacted before the first read, as the host may start later than its agent.
 *
 * Throws MEERCAT_BAD_CONFIG for a spec or `coresLimit` that means nothing or cannot work on this
 * system, and MEERCAT_START_FAILED for a process that does not exist.
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

/** A refused spec as it may stand in a message: on one line, not endless, and without a URL's password. */
function printable(spec: string): string {
  return JSON.stringify(spec.replace(/\/\/[^]*@/, '//…@').slice(0, 80));
}
