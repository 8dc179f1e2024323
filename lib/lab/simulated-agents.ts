// Simulates many agents on one real connection: one report per host and second, spread evenly over the second. Each report
// has a unique CPU figure, so that it can be recognized in a table.

import { buildKeys } from '../redis/keys.js';
import type { Commands } from '../redis/connect.js';
import { encodeReport } from '../redis/report-message.js';
import { machineMs } from './health.js';

/** Number of distinct figures: they are published with six decimal places. */
const FIGURES = 999_999;

const INTERVAL_MS = 1000;

/** Running agents. */
export interface SimulatedAgents {
  /** When each figure was published (`machineMs`), in publishing order. */
  readonly sent: ReadonlyMap<number, number>;
  /** Clears `sent`. */
  forget(): void;
  stop(): void;
}

/** Starts reporting for this number of hosts. */
export function startAgents(client: Commands, namespace: string, hosts: number): SimulatedAgents {
  const { reports } = buildKeys(namespace);
  const sent = new Map<number, number>();
  const startMs = machineMs();
  let count = 0;

  function report(): void {
    const index = count % hosts;
    const cpu = (1 + (count % FIGURES)) / 1e6;
    count++;
    const message = encodeReport({
      host: `host-${index + 1}`,
      url: `http://127.0.0.1:${10_000 + index}`,
      cpu,
      memory: 0.4,
      cores: 4,
      rps: 100,
      intervalMs: INTERVAL_MS,
      bye: false,
    });
    sent.set(cpu, machineMs());
    client.publish(reports, message).catch(() => undefined);
  }

  const timer = setInterval(() => {
    for (const due = ((machineMs() - startMs) / INTERVAL_MS) * hosts; count < due; ) report();
  }, 1);
  return { sent, forget: () => sent.clear(), stop: () => clearInterval(timer) };
}
