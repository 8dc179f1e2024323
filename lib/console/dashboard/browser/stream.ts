// The stream of deltas: fetched rather than an EventSource, so that a token can be sent with it. It reconnects by itself,
// waiting longer from time to time, and rests while nobody can see the page.

import type { DashboardDelta } from '../delta-message.js';
import { ask } from './access.js';

/** What the page is told. */
export interface StreamListener {
  onDelta(delta: DashboardDelta): void;
  /** A phrase for the reader; empty while the stream flows. */
  onState(text: string): void;
  /** The console wants a token. Resolves when there is another one. */
  onRefused(): Promise<void>;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/** The console sends something every 15 s at least. */
const SILENCE_MS = 20_000;

/** Runs the stream for as long as the page lives. */
export async function runStream(listener: StreamListener): Promise<never> {
  let waitMs = FIRST_WAIT_MS;
  for (;;) {
    if (document.hidden) {
      listener.onState('paused');
      await untilVisible();
    }
    const ended = await readOnce(listener, () => {
      waitMs = FIRST_WAIT_MS;
    });
    if (ended === 'hidden') continue;
    if (ended === 'refused') {
      await listener.onRefused();
      continue;
    }
    listener.onState('reconnecting …');
    // Spread, so that not all pages come back to a console at once.
    await untilTimeOrVisible(waitMs * (0.75 + Math.random() / 2));
    waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
  }
}

/** One connection, to its end. */
async function readOnce(listener: StreamListener, onFlow: () => void): Promise<'ended' | 'hidden' | 'refused'> {
  const abort = new AbortController();
  const onHidden = (): void => {
    if (document.hidden) abort.abort();
  };
  document.addEventListener('visibilitychange', onHidden);
  let silence = setTimeout(() => abort.abort(), SILENCE_MS);
  try {
    const response = await ask('/.meercat/stream', { headers: { Accept: 'text/event-stream' }, signal: abort.signal });
    if (response.status === 401) return 'refused';
    if (!response.ok || response.body === null) return 'ended';
    const events = new EventParser((data) => {
      listener.onDelta(JSON.parse(data) as DashboardDelta);
      listener.onState('');
      onFlow();
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 'ended';
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENCE_MS);
      events.take(value);
    }
  } catch {
    return document.hidden ? 'hidden' : 'ended';
  } finally {
    clearTimeout(silence);
    document.removeEventListener('visibilitychange', onHidden);
    abort.abort();
  }
}

/** Server-Sent Events (HTML Living Standard, 9.2), as far as this stream uses them: data, ended by an empty line. */
class EventParser {
  readonly #onData: (data: string) => void;
  #rest = '';
  #data: string[] = [];

  constructor(onData: (data: string) => void) {
    this.#onData = onData;
  }

  take(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data:')) this.#data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
      if (line !== '' || this.#data.length === 0) continue;
      const data = this.#data.join('\n');
      this.#data = [];
      this.#onData(data);
    }
  }
}

function untilVisible(): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (document.hidden) return;
      document.removeEventListener('visibilitychange', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    look();
  });
}

/** The time is over, or the reader came back to the page. */
function untilTimeOrVisible(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    document.addEventListener('visibilitychange', done);
  });
}
