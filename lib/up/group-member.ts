// A process of `meercat balancer --processes N`, as its parent sees it: it does what the parent says, tells it how
// the start went, and stops in good order when the parent is gone.

import cluster from 'node:cluster';
import { MeercatError, messageOf } from '../errors.js';
import type { Log } from '../log.js';
import type { FromMember, ToMember } from './group-messages.js';

/** What the parent can ask for. */
export interface MemberActions {
  /** Stops in good order; may be called again. */
  stop(): void;
  reloadTls(): void;
  reopenLogs(): void;
}

/** Throws MEERCAT_BAD_CONFIG in a process that a person started as if it were one of a group. */
export function checkMember(): void {
  if (cluster.isPrimary) throw new MeercatError('MEERCAT_BAD_CONFIG', '--member is for the processes that --processes starts');
}

/** Does what the parent says from now on; what it said before is done now. */
export function followParent({ stop, reloadTls, reopenLogs }: MemberActions, log: Log): void {
  // A terminal sends Ctrl-C to all processes: what it means is for the parent to say.
  process.on('SIGINT', () => undefined);
  process.on('message', (message: ToMember) => {
    switch (message.type) {
      case 'stop':
        stop();
        break;
      case 'reload-tls':
        reloadTls();
        break;
      case 'reopen-logs':
        reopenLogs();
    }
  });
  cluster.worker?.on('disconnect', () => {
    // Otherwise Node.js ends the process here, with all its requests.
    if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
    log('warn', 'the parent process is gone: stopping', {});
    stop();
  });
}

/** Tells the parent that this process serves. */
export function tellServing(): Promise<void> {
  return tell({ type: 'serving' });
}

/** Tells the parent that this process takes no new connections from now on. */
export function tellStopping(): Promise<void> {
  return tell({ type: 'stopping' });
}

/** Tells the parent why this process can't start, so that it is said once for all. */
export function tellFailed(error: unknown): Promise<void> {
  return tell({ type: 'failed', code: error instanceof MeercatError ? error.code : null, message: messageOf(error) });
}

function tell(message: FromMember): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}
