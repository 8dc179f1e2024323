// What the console's HTTP server, in the main thread, and its pages, in the fleet thread, send each other. Types only. One
// number, which no other request of this process had, names an exchange in all its messages.

/** Who may ask for a page: everybody, who may read the console, or who has its token. */
export type PageAccess = 'public' | 'read' | 'act';

/** A page, as the server knows it. */
export interface PageEntry {
  /** The whole path. */
  readonly path: string;
  readonly access: PageAccess;
  readonly methods: readonly PageMethod[];
}

/** The methods of pages; HEAD is answered wherever GET is. */
export type PageMethod = 'GET' | 'POST';

/** A request that the server lets through: its access was checked, and its size is bounded. */
export interface PageRequest {
  readonly id: number;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly path: string;
  /** What follows the question mark; '' for nothing. */
  readonly query: string;
  /** Header fields as they came; '' where one is missing. */
  readonly accept: string;
  readonly acceptEncoding: string;
  readonly origin: string | undefined;
  readonly contentType: string;
  readonly host: string;
  readonly remoteAddress: string;
  /** At most 16 KiB. */
  readonly body: string;
  /** Whether the client may ask for pages of the access `read`; a public page shows nothing of the fleet without it. */
  readonly mayRead: boolean;
  /** Whether the right token was given. */
  readonly mayAct: boolean;
  /** Whether this console has a token: without one nobody may act. */
  readonly hasToken: boolean;
}

/** From the server to the pages. */
export type ToPages =
  | { readonly type: 'console-request'; readonly request: PageRequest }
  /** The client is gone, or was closed for taking nothing. */
  | { readonly type: 'console-closed'; readonly id: number }
  /** The client's socket took these bytes of chunks. */
  | { readonly type: 'console-drained'; readonly id: number; readonly bytes: number };

/** From the pages to the server. */
export type FromPages =
  /** The fleet thread has started, and these are its pages. */
  | { readonly type: 'console-pages'; readonly pages: readonly PageEntry[] }
  | { readonly type: 'console-head'; readonly id: number; readonly status: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly type: 'console-chunk'; readonly id: number; readonly content: string | Uint8Array; readonly bytes: number }
  | { readonly type: 'console-end'; readonly id: number; readonly content: string | Uint8Array }
  /** The page failed after the head: what was sent is not the whole answer. */
  | { readonly type: 'console-broken'; readonly id: number };
