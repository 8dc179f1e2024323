// The stream of the dashboard (Server-Sent Events, WHATWG HTML section 9.2): the whole first, then what changed. Each overview is
// compared with the one before once, whoever watches. A client that takes nothing is skipped, and gets the whole again later.

import type { Overview } from '../../overview.js';
import type { PageReply } from '../page-request.js';
import type { OverviewSource } from './overview.js';

/** How soon a browser connects again, in ms. */
const RETRY_MS = 1000;

/** Longest time without a byte: proxies and browsers take a silent connection for dead. */
const KEEP_ALIVE_MS = 15_000;

/** A client that is behind by more gets nothing until it has caught up: some seconds of a large fleet's changes. */
const MAX_PENDING_BYTES = 256 * 1024;

/** The dependencies of `OverviewStream`. */
export interface OverviewStreamOptions {
  readonly source: OverviewSource;
  /** What changed, as the text of one event without line breaks; '' for nothing. Without a `before` it is the whole. */
  readonly renderDelta: (before: Overview | undefined, now: Overview) => string;
}

interface Client {
  readonly reply: PageReply;
  /** Whether it has what the last event led to. */
  isCurrent: boolean;
  /** When it was last sent something. */
  sentAtMs: number;
}

/** All open streams. */
export class OverviewStream {
  readonly #options: OverviewStreamOptions;
  readonly #clients = new Set<Client>();
  #unsubscribe: (() => void) | undefined;
  #before: Overview | undefined;
  #id = 0;

  constructor(options: OverviewStreamOptions) {
    this.#options = options;
  }

  /** Answers with a stream. */
  open(reply: PageReply): void {
    reply.head(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
    reply.write(`retry: ${RETRY_MS}\n\n`);
    if (reply.isClosed) return;
    const client: Client = { reply, isCurrent: false, sentAtMs: performance.now() };
    this.#clients.add(client);
    reply.onClose(() => this.#forget(client));
    const { source } = this.#options;
    if (this.#unsubscribe === undefined) this.#unsubscribe = source.subscribe((overview) => this.#push(overview));
    // Not before the next second, when others are watching already.
    else if (this.#before !== undefined) this.#send(client, this.#options.renderDelta(undefined, this.#before));
  }

  /** Ends all streams. */
  close(): void {
    for (const { reply } of this.#clients) reply.end();
    this.#clients.clear();
    this.#rest();
  }

  #push(now: Overview): void {
    const { renderDelta } = this.#options;
    const before = this.#before;
    this.#before = now;
    this.#id++;
    let delta: string | undefined;
    let whole: string | undefined;
    for (const client of this.#clients) {
      if (client.reply.pendingBytes > MAX_PENDING_BYTES) {
        client.isCurrent = false;
        continue;
      }
      if (client.isCurrent && before !== undefined) this.#send(client, (delta ??= renderDelta(before, now)));
      else this.#send(client, (whole ??= renderDelta(undefined, now)));
    }
  }

  #send(client: Client, data: string): void {
    const nowMs = performance.now();
    client.isCurrent = true;
    if (data !== '') client.reply.write(`id: ${this.#id}\ndata: ${data}\n\n`);
    else if (nowMs - client.sentAtMs >= KEEP_ALIVE_MS) client.reply.write(': still here\n\n');
    else return;
    client.sentAtMs = nowMs;
  }

  #forget(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#rest();
  }

  #rest(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#before = undefined;
  }
}
