// The pages of the console that are answered in the fleet thread, where the figures are: what a page is asked, and how it
// answers. The HTTP server in the main thread checks access and sizes first.

import type { PageEntry, PageRequest } from '../console-messages.js';

/** Defined where both threads see them. */
export type { PageAccess, PageEntry, PageMethod, PageRequest } from '../console-messages.js';

/** Takes the answer of a page; calls after the end, or after the client has gone, do nothing. */
export interface PageReply {
  /** Sets the status and the header fields; before anything else. With `text/event-stream` they are sent at once. */
  head(status: number, headers: Readonly<Record<string, string>>): void;
  /** Sends a part of the body. */
  write(content: string | Uint8Array): void;
  /** Ends the answer. One that is sent in one piece, is longer than 1 KiB and may be compressed is. */
  end(content?: string): void;
  /** Whether the answer was ended, or the client is gone. */
  readonly isClosed: boolean;
  /** Calls back once when the client goes before the end. */
  onClose(call: () => void): void;
  /** Bytes of parts that a slow client has not taken yet; one that is behind by more than 1 MiB is closed. */
  readonly pendingBytes: number;
}

/** A page that is answered in the fleet thread. */
export interface FleetPage extends PageEntry {
  /** May throw or reject: then the client gets 500, or an answer that is cut off. */
  answer(request: PageRequest, reply: PageReply): void | Promise<void>;
}

/** Answers with one JSON value. */
export function replyJson(reply: PageReply, status: number, body: unknown): void {
  reply.head(status, { 'Content-Type': 'application/json' });
  reply.end(`${JSON.stringify(body)}\n`);
}
