// The child side of `meercat balancer --processes N`: it follows the parent's commands, reports the result of its start,
// and stops gracefully when the parent is gone.

import cluster from 'node:cluster';
import { MeercatError, messageOf } from '../errors.js';
import type { Log } from '../log.js';
import type { FromMember, ToMember } from './group-messages.js';

/** The commands of the parent. */
export interface MemberActions {
  /** Stops gracefully; may be called again. */
  stop(): void;
  reloadTls(): void;
  reopenLogs(): void;
}

/** Throws MEERCAT_BAD_CONFIG in a process that was started by hand with `--member`. */
export function checkMember(): void {
  if (cluster.isPrimary) throw new MeercatError('MEERCAT_BAD_CONFIG', '--member is for the processes that --processes starts');
}

/** Executes the parent's commands from now on, including those already received. */
export function followParent({ stop, reloadTls, reopenLogs }: MemberActions, log: Log): void {
  // A terminal sends Ctrl-C to all processes: leave it to the parent.
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
    // Otherwise Node.js exits here, with requests in flight.
    if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
    log('warn', 'the parent process is gone: stopping', {});
    stop();
  });
}

/** Tells the parent that this process serves. */
export function tellServing(): Promise<void> {
  return tell({ type: 'serving' });
}

/** Tells the parent that this process no longer accepts connections. */
export function tellStopping(): Promise<void> {
  return tell({ type: 'stopping' });
}

/** Tells the parent why this process can't start, so that it is reported once for all processes. */
export function tellFailed(error: unknown): Promise<void> {
  return tell({ type: 'failed', code: error instanceof MeercatError ? error.code : null, message: messageOf(error) });
}

function tell(message: FromMember): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}
