// What the system says of this process. Anything that it does not say (not Linux, no /proc) is NaN.

import { readdir, readFile } from 'node:fs/promises';
import type { ProcessFacts } from './facts.js';

/** A way to read the facts; what it gives never rejects. */
export function openProcessFacts(): () => Promise<ProcessFacts> {
  // Once: computed anew it would differ by the time that the two clocks take to be read.
  const startedAtMs = Date.now() - process.uptime() * 1000;
  return async () => {
    const [status, limits, openFds] = await Promise.all([
      readFile('/proc/self/status', 'latin1').catch(() => ''),
      readFile('/proc/self/limits', 'latin1').catch(() => ''),
      readdir('/proc/self/fd').then(
        (names) => names.length,
        () => Number.NaN,
      ),
    ]);
    const { user, system } = process.cpuUsage();
    return {
      startedAtMs,
      cpuUserMs: user / 1000,
      cpuSystemMs: system / 1000,
      residentBytes: process.memoryUsage.rss(),
      virtualBytes: 1024 * Number(/^VmSize:\s*(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN),
      openFds,
      maxFds: Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.NaN),
    };
  };
}
