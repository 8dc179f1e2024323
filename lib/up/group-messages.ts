// What the processes of `meercat balancer --processes N` and their parent tell each other, on the channel that
// Node.js opens between them. After a change of version the two sides may differ: what is not understood is ignored.

import type { ErrorCode } from '../errors.js';

/** From a process to its parent. */
export type FromMember =
  | { readonly type: 'serving' }
  | { readonly type: 'stopping' }
  | { readonly type: 'failed'; readonly code: ErrorCode | null; readonly message: string };

/** From the parent to a process. */
export type ToMember = { readonly type: 'stop' } | { readonly type: 'reload-tls' } | { readonly type: 'reopen-logs' };
