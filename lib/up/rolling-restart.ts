// A rolling restart: parts are restarted one after the other, each only when the previous one serves again. At most one
// runs at a time; requests meanwhile are answered and ignored. It stops at the first part that does not come back, so
// that a fault takes down one part and not all.

import { messageOf } from '../errors.js';

/** A part that can be restarted. */
export interface RollingPart {
  readonly name: string;
  /** Restarts the process gracefully; resolves once it is started. */
  restart(): Promise<void>;
  /** Resolves when it serves. Rejects on a timeout. */
  untilServing(): Promise<void>;
}

/** A step, of one part, or of the whole restart if `name` is null. */
export interface RollingStep {
  readonly kind: 'restart-began' | 'restart-ended' | 'restart-failed';
  readonly name: string | null;
  /** A readable phrase. */
  readonly detail: string;
}

/** The rolling restarts of one group of parts. */
export interface RollingRestart {
  /** Starts one, unless one is under way. */
  request(): void;
  /** Stops before the next part. A part that is stopped meanwhile is not started again. */
  stop(): void;
}

/** Creates the rolling restart of these parts; `onStep` is called before and after each step. */
export function createRollingRestart(parts: readonly RollingPart[], onStep: (step: RollingStep) => void): RollingRestart {
  const all = `${parts.length} balancer${parts.length === 1 ? '' : 's'}`;
  let isRunning = false;
  let isStopped = false;

  async function run(): Promise<void> {
    const startMs = performance.now();
    onStep({ kind: 'restart-began', name: null, detail: `${all}, one after the other` });
    for (const { name, restart, untilServing } of parts) {
      const partMs = performance.now();
      onStep({ kind: 'restart-began', name, detail: 'stopping' });
      try {
        // oxlint-disable-next-line no-await-in-loop -- sequential by design
        await restart();
        // oxlint-disable-next-line no-await-in-loop -- the same
        if (!isStopped) await untilServing();
      } catch (error) {
        if (isStopped) return;
        onStep({ kind: 'restart-failed', name, detail: messageOf(error) });
        onStep({ kind: 'restart-failed', name: null, detail: `${name}: ${messageOf(error)}; those after it were left alone` });
        return;
      }
      if (isStopped) return;
      onStep({ kind: 'restart-ended', name, detail: `serves again after ${secondsSince(partMs)}` });
    }
    onStep({ kind: 'restart-ended', name: null, detail: `${all} in ${secondsSince(startMs)}` });
  }

  return {
    request() {
      if (isStopped) return;
      if (isRunning) {
        // The requester waits for an answer, and can follow the restart under way.
        onStep({ kind: 'restart-began', name: null, detail: 'ignored: one is under way already' });
        return;
      }
      isRunning = true;
      void run().finally(() => {
        isRunning = false;
      });
    },
    stop() {
      isStopped = true;
    },
  };
}

function secondsSince(startMs: number): string {
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
}
