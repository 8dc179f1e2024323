// Runs in the fleet thread: hands requests of the console's server to their pages, and the pages' answers back. Invariant:
// each request is answered or its answer is cut off; a page that fails costs nothing but its own answer.

import { gzip } from 'node:zlib';
import type { FromPages, PageRequest, ToPages } from '../console-messages.js';
import { acceptsGzip } from './accepts-gzip.js';
import { type FleetPage, type PageReply, replyJson } from './page-request.js';

/** Shorter bodies are not worth compressing. */
const MIN_GZIP_BYTES = 1024;

/** The dependencies of `PageDispatcher`. */
export interface PageDispatcherOptions {
  readonly pages: readonly FleetPage[];
  readonly post: (message: FromPages) => void;
  /** A page threw or rejected. */
  readonly onFailure: (path: string, error: unknown) => void;
}

/** The pages of one fleet thread. */
export class PageDispatcher {
  readonly #options: PageDispatcherOptions;
  readonly #open = new Map<number, Reply>();

  /** Says which pages there are. */
  constructor(options: PageDispatcherOptions) {
    this.#options = options;
    const pages = options.pages.map(({ path, access, methods }) => ({ path, access, methods }));
    options.post({ type: 'console-pages', pages });
  }

  /** Takes a message of the server. */
  onMessage(message: ToPages): void {
    switch (message.type) {
      case 'console-request':
        void this.#answer(message.request);
        break;
      case 'console-closed':
        this.#open.get(message.id)?.close();
        break;
      case 'console-drained':
        this.#open.get(message.id)?.onDrained(message.bytes);
        break;
    }
  }

  async #answer(request: PageRequest): Promise<void> {
    const { pages, post, onFailure } = this.#options;
    const { id, path, acceptEncoding } = request;
    const reply = new Reply(id, acceptsGzip(acceptEncoding), post, () => this.#open.delete(id));
    this.#open.set(id, reply);
    try {
      const page = pages.find((each) => each.path === path);
      if (page === undefined) replyJson(reply, 404, { error: 'MEERCAT_NOT_FOUND', message: `no page ${path}` });
      else await page.answer(request, reply);
    } catch (error) {
      onFailure(path, error);
      reply.fail();
    }
  }
}

/** The answer to one request. */
class Reply implements PageReply {
  readonly #id: number;
  readonly #isGzipAccepted: boolean;
  readonly #post: (message: FromPages) => void;
  readonly #onDone: () => void;
  #head: { readonly status: number; readonly headers: Readonly<Record<string, string>> } = { status: 200, headers: {} };
  #isHeadSent = false;
  #isEnded = false;
  #pendingBytes = 0;
  #onClose: (() => void)[] = [];

  constructor(id: number, isGzipAccepted: boolean, post: (message: FromPages) => void, onDone: () => void) {
    this.#id = id;
    this.#isGzipAccepted = isGzipAccepted;
    this.#post = post;
    this.#onDone = onDone;
  }

  get isClosed(): boolean {
    return this.#isEnded;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  onClose(call: () => void): void {
    this.#onClose.push(call);
  }

  head(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#isEnded || this.#isHeadSent) return;
    this.#head = { status, headers };
    if (headers['Content-Type']?.startsWith('text/event-stream') === true) this.#sendHead();
  }

  write(content: string | Uint8Array): void {
    if (this.#isEnded || content.length === 0) return;
    this.#sendHead();
    const bytes = Buffer.byteLength(content);
    this.#pendingBytes += bytes;
    this.#post({ type: 'console-chunk', id: this.#id, content, bytes });
  }

  end(content = ''): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (this.#isHeadSent || !this.#isGzipAccepted || content.length < MIN_GZIP_BYTES) {
      this.#finish(content);
      return;
    }
    // In the thread pool: a long page does not keep this thread from its other work.
    gzip(content, { level: 1 }, (error, compressed) => {
      if (error !== null) return this.#finish(content);
      const { status, headers } = this.#head;
      this.#head = { status, headers: { ...headers, 'Content-Encoding': 'gzip' } };
      this.#finish(compressed);
    });
  }

  /** Ends an answer that can't be completed. */
  fail(): void {
    if (this.#isEnded) return;
    if (!this.#isHeadSent) return replyJson(this, 500, { error: 'MEERCAT_INTERNAL', message: 'the console failed on this request' });
    this.#isEnded = true;
    this.#post({ type: 'console-broken', id: this.#id });
    this.#onDone();
  }

  /** The client has gone. */
  close(): void {
    this.#isEnded = true;
    this.#onDone();
    for (const call of this.#onClose.splice(0)) call();
  }

  /** The client took these bytes. */
  onDrained(bytes: number): void {
    this.#pendingBytes -= bytes;
  }

  #finish(content: string | Uint8Array): void {
    if (!this.#isHeadSent) {
      const { status, headers } = this.#head;
      const isText = headers['Content-Type'] !== undefined;
      this.#head = {
        status,
        headers: { ...headers, ...(isText && { Vary: 'Accept-Encoding' }), 'Content-Length': String(Buffer.byteLength(content)) },
      };
    }
    this.#sendHead();
    this.#post({ type: 'console-end', id: this.#id, content });
    this.#onDone();
  }

  #sendHead(): void {
    if (this.#isHeadSent) return;
    this.#isHeadSent = true;
    this.#post({ type: 'console-head', id: this.#id, ...this.#head });
  }
}
