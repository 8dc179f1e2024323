// The entry point of the fleet thread: `balancer.ts` starts it as a worker; nothing imports it.

import { parentPort, workerData } from 'node:worker_threads';
import { startFleetThread } from './fleet-thread.js';
import { captureConsole } from './library-output.js';
import { releaseStartMemory } from './release-memory.js';
import type { FleetThreadData, FromFleet, ToFleet } from './thread-messages.js';

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
const port = parentPort;
releaseStartMemory();
const post = (message: FromFleet): void => port.postMessage(message);
captureConsole((...line) => post({ type: 'log', line }));

const fleet = startFleetThread(workerData as FleetThreadData, post);
port.on('message', (message: ToFleet) => {
  if (message.type !== 'stop') {
    fleet.onMessage(message);
    return;
  }
  void fleet.stop().then(() => {
    post({ type: 'stopped' });
    port.close();
  });
});
