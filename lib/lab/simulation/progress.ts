// Progress of the simulation, on stderr: a bar that is redrawn in place on a terminal, else a line at once and every 5 s.

import type { Progress } from './matrix.js';

const BAR_CELLS = 24;
const DRAW_EVERY_MS = 100;
const LINE_EVERY_MS = 5000;

/** The output stream. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Shows progress, and removes the bar at the end. */
export interface ProgressBar {
  show(progress: Progress): void;
  end(): void;
}

/** Creates a progress bar for this stream. */
export function createProgressBar(stream: ProgressStream, clock: () => number): ProgressBar {
  const startMs = clock();
  const isTty = stream.isTTY === true;
  let shownAtMs = Number.NEGATIVE_INFINITY;
  let isDrawn = false;
  return {
    show(progress) {
      const nowMs = clock();
      if (nowMs - shownAtMs < (isTty ? DRAW_EVERY_MS : LINE_EVERY_MS)) return;
      shownAtMs = nowMs;
      const text = describe(progress, nowMs - startMs);
      stream.write(isTty ? `\r\x1b[K${bar(shareOf(progress))} ${text}` : `simulate: ${text}\n`);
      isDrawn = true;
    },
    end() {
      if (isTty && isDrawn) stream.write('\r\x1b[K');
    },
  };
}

function shareOf({ run, runs, share }: Progress): number {
  return (run + Math.min(1, share)) / runs;
}

function bar(share: number): string {
  const filled = Math.round(share * BAR_CELLS);
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}]`;
}

function describe(progress: Progress, elapsedMs: number): string {
  const { run, runs, policy, balancers, load, what = `${policy}, ${balancers} balancers, load ${load}` } = progress;
  const share = shareOf(progress);
  const leftMs = share > 0.01 ? (elapsedMs * (1 - share)) / share : Number.NaN;
  const left = Number.isNaN(leftMs) ? '' : `, about ${Math.ceil(leftMs / 1000)} s left`;
  return `${Math.floor(share * 100)} %, run ${run + 1} of ${runs}: ${what}${left}`;
}
