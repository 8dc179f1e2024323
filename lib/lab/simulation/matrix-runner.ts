// Simulations in a thread of their own, which can be ended: what is done by then is kept.

import { Worker } from 'node:worker_threads';
import type { FromMatrix, FromScaling, MatrixData } from './matrix-messages.js';
import type { Progress, SimulationRun } from './matrix.js';
import type { ScalingFigure } from './fleet-scaling.js';

/** Gives the runs that are done when all are, or when `signal` is aborted. Rejects when the thread fails. */
export async function runMatrixInThread(
  data: MatrixData,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<SimulationRun[]> {
  const runs: SimulationRun[] = [];
  await runThread<FromMatrix>(new URL('./matrix-thread.js', import.meta.url), data, signal, (message) => {
    if (message.type === 'run') runs.push(message.run);
    else onProgress(message.progress);
  });
  return runs;
}

/** Gives the fleets that are done, as `runMatrixInThread` does. */
export async function runScalingInThread(
  data: MatrixData,
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<ScalingFigure[]> {
  const figures: ScalingFigure[] = [];
  await runThread<FromScaling>(new URL('./scaling-thread.js', import.meta.url), data, signal, (message) => {
    if (message.type === 'figure') figures.push(message.figure);
    else onProgress(message.progress);
  });
  return figures;
}

function runThread<Message>(file: URL, data: MatrixData, signal: AbortSignal, onMessage: (message: Message) => void): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const thread = new Worker(file, { workerData: data });
    const onAbort = (): void => void thread.terminate();
    signal.addEventListener('abort', onAbort, { once: true });
    thread.on('message', onMessage);
    thread.on('error', reject);
    thread.on('exit', () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}
