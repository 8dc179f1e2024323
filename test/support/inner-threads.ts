// A balancer's fleet and hosts threads run inside the test's own thread: the same code and the same messages, copied
// and later as between threads, without what the start of a thread costs (0.3 s of CPU each). For tests of what
// a balancer does; those of threads that die or block have real ones.

import { startFleetThread } from '../../lib/fleet-thread.js';
import { startHosts } from '../../lib/hosts/hosts.js';
import type { FleetThreadData, FromFleet, FromHosts, HostsThreadData, ToFleet, ToHosts } from '../../lib/thread-messages.js';
import type { KeepThread, Thread, ThreadOptions } from '../../lib/threads.js';

/** What a thread's entry has started. */
interface Part<To> {
  onMessage(message: To): void;
  stop(): void | Promise<void>;
}

/** Runs an entry of a balancer's threads in this thread; a fault in it ends the process. Throws for any other entry. */
export const keepInnerThread: KeepThread = <To, From extends { readonly type: string }>(options: ThreadOptions<To, From>): Thread<To> => {
  let isStopped = false;
  const { data } = options.start(false);
  const later = <T>(take: (message: T) => void, message: T, transfer: readonly unknown[] = []): void => {
    if (transfer.length > 0) throw new Error('ports are handed over when a thread is started again, which none here is');
    const copy = structuredClone(message);
    setImmediate(() => take(copy));
  };
  const part = start(options.entry, data, (message) => later(options.onMessage, message as unknown as From)) as Part<To>;
  return {
    post: (message, transfer) => later((copy: To) => void (isStopped || part.onMessage(copy)), message, transfer),
    async stop() {
      if (isStopped) return;
      isStopped = true;
      await part.stop();
    },
  };
};

function start(entry: URL, data: unknown, post: (message: FromFleet | FromHosts) => void): Part<ToFleet> | Part<ToHosts> {
  if (entry.pathname.endsWith('/fleet-entry.js')) return startFleetThread(data as FleetThreadData, post);
  if (entry.pathname.endsWith('/hosts/thread.js')) return startHosts(data as HostsThreadData, post);
  throw new Error(`no entry of a balancer's threads: ${entry.pathname}`);
}
