// Assigns cores while proxies are measured: one for the proxy, another for load generator and host, so that these
// do not take CPU time from the proxy.

import { readFileSync } from 'node:fs';
import { findProgram } from './processes.js';

/** The cores that this process may use; empty without /proc. */
export function usableCores(): number[] {
  try {
    const [, list = ''] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
    return list.split(',').flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
  } catch {
    return [];
  }
}

/** The core of the proxies, and the one of load and host. Both null, with a message, if the machine has one core or no taskset. */
export function chooseCores(say: (line: string) => void): { readonly proxyCore: number | null; readonly loadCore: number | null } {
  const cores = usableCores();
  const lack = findProgram('taskset') === undefined ? 'taskset is not installed' : cores.length < 2 ? 'there is only one core' : '';
  if (lack === '') return { proxyCore: cores[0] ?? null, loadCore: cores[1] ?? null };
  say(`${lack}: nothing is bound to a core, so the figures vary more`);
  return { proxyCore: null, loadCore: null };
}
