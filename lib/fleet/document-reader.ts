// Reads site documents in a thread of their own: a large one takes seconds, in which a lease would lapse. The thread is
// started with the first document and ends when none has come for a minute, and with it what it takes to read YAML.

import { Worker } from 'node:worker_threads';
import { MINUTE } from '../clock.js';
import type { SiteReading } from '../config/site/read-site.js';
import { messageOf } from '../errors.js';

/** Operators who change a site often change it again soon. */
const IDLE_MS = MINUTE;

/** Some hundred times the largest document. */
const MAX_HEAP_MB = 512;

/** The answer of the thread to the text with this number. */
export interface DocumentRead {
  readonly id: number;
  readonly reading: SiteReading;
}

/** Reads documents. */
export interface DocumentReader {
  /** Never rejects: when the thread ends, that is what is wrong with the document. */
  read(text: string): Promise<SiteReading>;
  close(): void;
}

/** Creates a reader, without a thread yet. */
export function createDocumentReader(): DocumentReader {
  const waiting = new Map<number, (reading: SiteReading) => void>();
  let thread: Worker | undefined;
  let idleTimer: NodeJS.Timeout | undefined;
  let lastId = 0;

  function launch(): Worker {
    const launched = new Worker(new URL('./document-thread.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    launched.unref();
    launched.on('message', ({ id, reading }: DocumentRead) => {
      waiting.get(id)?.(reading);
      waiting.delete(id);
      if (waiting.size > 0) return;
      idleTimer = setTimeout(close, IDLE_MS);
      idleTimer.unref();
    });
    launched.on('error', (error) => end(launched, messageOf(error)));
    launched.on('exit', () => end(launched, 'it ended'));
    return launched;
  }

  function end(ended: Worker, reason: string): void {
    if (ended !== thread) return;
    thread = undefined;
    clearTimeout(idleTimer);
    const answers = [...waiting.values()];
    waiting.clear();
    for (const answer of answers) answer({ problems: [{ line: 1, column: 1, message: `the thread that reads it failed: ${reason}` }] });
  }

  function close(): void {
    const ended = thread;
    if (ended === undefined) return;
    end(ended, 'it was stopped');
    void ended.terminate();
  }

  return {
    read(text) {
      clearTimeout(idleTimer);
      thread ??= launch();
      const id = ++lastId;
      thread.postMessage({ id, text });
      return new Promise((resolve) => waiting.set(id, resolve));
    },
    close,
  };
}
