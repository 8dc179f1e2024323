// Measures the whole machine with systeminformation, on every system that it supports. Loaded on demand. Cost:
// `currentLoad()` runs a child process synchronously, which blocks this process for about 5 ms, and repeats its last
// value within 200 ms; `mem()` takes less than 1 ms. The agent serves no requests, so it can block; code that serves
// requests must not import this.

import type { HostFigures } from '../../model.js';
import type { Probe, ProbeOptions } from '../probe-model.js';
import { fractionOf } from './figures.js';

/** Timeout of opening: the library measures its first load over 500 ms. */
const OPEN_TIMEOUT_MS = 5000;

/**
 * Opens the machine probe; takes about half a second. CPU is the mean over all cores since the last read, as a fraction
 * of `coresLimit` if given. Memory is `active`, that is all but `available`; `used` would include the page cache.
 * Reads never reject: figures that the library does not return in time are null.
 */
export async function openMachineProbe(options: ProbeOptions): Promise<Probe> {
  const { default: system } = await import('systeminformation');
  await within(OPEN_TIMEOUT_MS, () => system.currentLoad());

  const read = async (): Promise<HostFigures> => {
    const [load, memory] = await Promise.all([
      within(options.timeoutMs, () => system.currentLoad()),
      within(options.timeoutMs, () => system.mem()),
    ]);
    const machineCores = load?.cpus.length || null;
    const cores = options.coresLimit ?? machineCores;
    const coresInUse = load && machineCores ? (load.currentLoad / 100) * machineCores : null;
    return {
      cpu: fractionOf(coresInUse, cores),
      memory: memory && fractionOf(memory.active, memory.total),
      cores,
      rps: null,
    };
  };
  return { kind: 'machine', read, close: () => {} };
}

/** The result of `ask`; null if it fails or takes longer than `timeoutMs`. */
async function within<T>(timeoutMs: number, ask: () => Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, null);
  });
  try {
    return await Promise.race([ask(), tooLate]);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
