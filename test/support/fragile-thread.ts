// A thread for the tests of keepThread: it says what it was started with, and dies as it is asked to.

import { parentPort, workerData } from 'node:worker_threads';

/** Messages to the thread. */
export type FragileOrder = { readonly type: 'throw' | 'reject' | 'exit' | 'ignore-stop' | 'stop' };

/** What the thread says. */
export type FragileWord = { readonly type: 'started'; readonly data: unknown } | { readonly type: 'stopped' };

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');
const say = (word: FragileWord): void => port.postMessage(word);

let isDeaf = false;
port.on('message', ({ type }: FragileOrder) => {
  switch (type) {
    case 'throw':
      throw new Error('told to throw');
    case 'reject':
      void Promise.reject(new Error('told to reject'));
      break;
    case 'exit':
      process.exit(3);
      break;
    case 'ignore-stop':
      isDeaf = true;
      break;
    case 'stop':
      if (isDeaf) return;
      say({ type: 'stopped' });
      port.close();
      break;
  }
});
if ((workerData as { isBroken?: boolean }).isBroken === true) throw new Error('broken from the start');
say({ type: 'started', data: workerData });
