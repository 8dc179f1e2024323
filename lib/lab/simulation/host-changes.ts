// Which hosts exist when: hosts that join do not exist before, and those that leave do not any more. They are the last ones of
// the list, the events one after the other from its end. Pure: the arrivals follow the hosts' capacity, and so does the run.

import { hostCapacityOf, type Scenario } from './scenario.js';

/** A host that appears or disappears. */
export interface HostChange {
  readonly atMs: number;
  readonly host: number;
  readonly exists: boolean;
}

/** The changes of all hosts, in time order; hosts that do not exist at the start disappear at 0. */
export function hostChangesOf({ events, hosts }: Scenario): HostChange[] {
  const changes: HostChange[] = [];
  let end = hosts.reduce((sum, { count }) => sum + count, 0);
  for (const event of events) {
    if (event.what !== 'hosts-join' && event.what !== 'hosts-leave') continue;
    const { atMs, forMs, everyMs } = event;
    const exists = event.what === 'hosts-join';
    const first = end - event.hosts;
    for (let i = 0; i < event.hosts; i++) {
      const host = first + i;
      if (exists) changes.push({ atMs: 0, host, exists: false });
      changes.push({ atMs: atMs + i * everyMs, host, exists });
      if (forMs !== Number.POSITIVE_INFINITY) changes.push({ atMs: atMs + i * everyMs + forMs, host, exists: !exists });
    }
    end = first;
  }
  return changes.toSorted((a, b) => a.atMs - b.atMs);
}

/** The hosts that do not exist at the start. */
export function absentAtStart(scenario: Scenario): ReadonlySet<number> {
  const absent = new Set<number>();
  for (const { atMs, host, exists } of hostChangesOf(scenario)) {
    if (atMs > 0) break;
    if (exists) absent.delete(host);
    else absent.add(host);
  }
  return absent;
}

/** The share (0..1) of all hosts' mean capacity that exists from a time on. */
export interface CapacityStep {
  readonly fromMs: number;
  readonly share: number;
}

/** The steps of the fleet's capacity, the first one from 0. */
export function capacityStepsOf(scenario: Scenario): CapacityStep[] {
  const capacities = scenario.hosts.flatMap((group) => Array.from({ length: group.count }, () => hostCapacityOf(group, scenario)));
  const exists = capacities.map(() => true);
  const total = capacities.reduce((sum, each) => sum + each, 0);
  const steps: CapacityStep[] = [];
  const step = (fromMs: number): void => {
    if (steps.at(-1)?.fromMs === fromMs) steps.pop();
    steps.push({ fromMs, share: capacities.reduce((sum, each, host) => sum + (exists[host] === true ? each : 0), 0) / total });
  };
  step(0);
  for (const change of hostChangesOf(scenario)) {
    exists[change.host] = change.exists;
    step(change.atMs);
  }
  return steps;
}
