// The entry point of the hosts thread: `balancer.ts` starts it as a worker; nothing imports it.

import { parentPort, workerData } from 'node:worker_threads';
import type { HostsThreadData, FromHosts, ToHosts } from '../thread-messages.js';
import { captureConsole } from '../library-output.js';
import { releaseStartMemory } from '../release-memory.js';
import { startHosts } from './hosts.js';

if (parentPort === null) throw new Error('this file is the entry of a worker thread');
const port = parentPort;
releaseStartMemory();
const post = (message: FromHosts): void => port.postMessage(message);
captureConsole((...line) => post({ type: 'log', line }));

const hosts = startHosts(workerData as HostsThreadData, post);
port.on('message', (message: ToHosts) => {
  if (message.type !== 'stop') {
    hosts.onMessage(message);
    return;
  }
  hosts.stop();
  post({ type: 'stopped' });
  port.close();
});
