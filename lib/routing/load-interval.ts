// How often balancers say what they have in flight: as often as the fleet can afford.

/** Where the fleet is small. */
const MIN_INTERVAL_MS = 20;
const MAX_INTERVAL_MS = 1000;

/** More balancers make more messages for the master, more hosts make each of them longer. */
const MS_PER_BALANCER = 0.35;
const MS_PER_HOST = 0.05;
const PAIRS_PER_MS = 1500;

/** How long a balancer waits between two load messages. 20 ms in a small fleet, 22 with 64 balancers and 50 hosts, 50 with 1,000 hosts. */
export function loadIntervalMs(balancers: number, hosts: number): number {
  const wished = Math.max(MS_PER_BALANCER * balancers, MS_PER_HOST * hosts, (balancers * hosts) / PAIRS_PER_MS);
  return Math.min(Math.max(wished, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
}
