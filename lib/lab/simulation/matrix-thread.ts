// The entry of the thread that simulates, so that the main thread hears Ctrl-C meanwhile: a run computes for minutes
// without a pause. Started by matrix-runner.ts, and never imported.

import { parentPort, workerData } from 'node:worker_threads';
import { type FromMatrix, type MatrixData } from './matrix-messages.js';
import { runMatrix } from './matrix.js';

/** The pause between two words about progress. */
const TELL_EVERY_MS = 100;

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
const port = parentPort;
const post = (message: FromMatrix): void => port.postMessage(message);
const { scenario, seed } = workerData as MatrixData;
let toldAtMs = Number.NEGATIVE_INFINITY;
runMatrix(
  scenario,
  seed,
  (progress) => {
    const nowMs = performance.now();
    if (nowMs - toldAtMs < TELL_EVERY_MS) return;
    toldAtMs = nowMs;
    post({ type: 'progress', progress });
  },
  (run) => post({ type: 'run', run }),
);
