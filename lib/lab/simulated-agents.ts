// Many agents in one: a report for each host once a second, spread evenly over it, on a real connection.
// Each report carries a CPU figure of its own, so that it can be recognised in a table.

import { buildKeys } from '../redis/keys.js';
import type { Commands } from '../redis/connect.js';
import { encodeReport } from '../redis/report-message.js';
import { machineMs } from './health.js';

/** Figures are published with six places: so many differ. */
const FIGURES = 999_999;

const INTERVAL_MS = 1000;

/** Agents that report. */
export interface SimulatedAgents {
  /** When each figure was published, in the order of publishing: `machineMs`. */
  readonly sent: ReadonlyMap<number, number>;
  /** Forgets what was sent so far. */
  forget(): void;
  stop(): void;
}

/** Begins to report for so many hosts. */
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
