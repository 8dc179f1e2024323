// All runs of a scenario in a thread of their own, which can be ended: what is done by then is kept.

import { Worker } from 'node:worker_threads';
import type { FromMatrix, MatrixData } from './matrix-messages.js';
import type { Progress, SimulationRun } from './matrix.js';

/** Gives the runs that are done when all are, or when `signal` is aborted. Rejects when the thread fails. */
export function runMatrixInThread(
  data: MatrixData,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<SimulationRun[]> {
  const runs: SimulationRun[] = [];
  if (signal.aborted) return Promise.resolve(runs);
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./matrix-thread.js', import.meta.url), { workerData: data });
    const onAbort = (): void => void thread.terminate();
    signal.addEventListener('abort', onAbort, { once: true });
    thread.on('message', (message: FromMatrix) => {
      if (message.type === 'run') runs.push(message.run);
      else onProgress(message.progress);
    });
    thread.on('error', reject);
    thread.on('exit', () => {
      signal.removeEventListener('abort', onAbort);
      resolve(runs);
    });
  });
}
