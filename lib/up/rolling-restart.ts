// A rolling restart: parts are restarted one after the other, each only when the one before it serves again.
// At most one is under way; a request that comes meanwhile is answered and ignored. It stops at the first
// part that does not come back, so that a fault costs one part and not all.

import { messageOf } from '../errors.js';

/** What is restarted. */
export interface RollingPart {
  readonly name: string;
  /** Ends the process in good order and starts it again; resolves when it is started. */
  restart(): Promise<void>;
  /** Resolves when it serves. Rejects when that takes too long. */
  untilServing(): Promise<void>;
}

/** What happens: to one part, or to all of them when `name` is null. */
export interface RollingStep {
  readonly kind: 'restart-began' | 'restart-ended' | 'restart-failed';
  readonly name: string | null;
  /** One phrase for people. */
  readonly detail: string;
}

/** The rolling restarts of one group of parts. */
export interface RollingRestart {
  /** Begins one, unless one is under way. */
  request(): void;
  /** Begins no further part. Parts that are stopped meanwhile are not started again by this. */
  stop(): void;
}

/** Makes the rolling restart of these parts; each step is told to `onStep`, before it begins and after it ended. */
export function createRollingRestart(parts: readonly RollingPart[], onStep: (step: RollingStep) => void): RollingRestart {
  const all = `${parts.length} balancer${parts.length === 1 ? '' : 's'}`;
  let isRunning = false;
  let isStopped = false;

  async function run(): Promise<void> {
    const startMs = performance.now();
    onStep({ kind: 'restart-began', name: null, detail: `${all}, one after the other` });
    for (const { name, restart, untilServing } of parts) {
      const partMs = performance.now();
      onStep({ kind: 'restart-began', name, detail: 'told to stop' });
      try {
        // oxlint-disable-next-line no-await-in-loop -- one after the other is what it is for
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
        // Whoever asked waits for an answer, and may follow the rest.
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
