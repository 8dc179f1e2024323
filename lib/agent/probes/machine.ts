// Measures the whole machine with systeminformation, on any system that it knows. Loaded only when it
// is used. What it costs: `currentLoad()` runs a child process synchronously, some 5 ms in which this
// process does nothing else, and repeats its last value within 200 ms; `mem()` takes less than 1 ms.
// The agent serves no requests, so it can wait; nothing that does may import this.

import type { HostFigures } from '../../model.js';
import type { Probe, ProbeOptions } from '../probe-model.js';
import { fractionOf } from './figures.js';

/** The library measures its first load over 500 ms: opening may take that much longer than a read. */
const OPEN_TIMEOUT_MS = 5000;

/**
 * Opens the probe of the machine; takes about half a second. CPU is the mean over all cores since the
 * last read, as a fraction of `coresLimit` if that is given. Memory is what cannot be had without
 * swapping: `active`, that is all but `available`; `used` would count the page cache.
 * Reads never reject: what the library does not tell in time is null.
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

/** What `ask` resolves to; null when it fails, or takes longer than `timeoutMs`. */
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
