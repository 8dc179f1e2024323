// IPC messages between the processes of `meercat balancer --processes N` and their parent. After an upgrade the two sides
// may have different versions: unknown messages are ignored.

import type { ErrorCode } from '../errors.js';

/** From a process to its parent. */
export type FromMember =
  | { readonly type: 'serving' }
  | { readonly type: 'stopping' }
  | { readonly type: 'failed'; readonly code: ErrorCode | null; readonly message: string };

/** From the parent to a process. */
export type ToMember = { readonly type: 'stop' } | { readonly type: 'reload-tls' } | { readonly type: 'reopen-logs' };
