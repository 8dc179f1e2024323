// Placeholder until the merge.
import type { SecureContext } from 'node:tls';
/** Placeholder. */
export interface TlsContexts { readonly secureContext: SecureContext; readonly SNICallback: (name: string, done: (error: Error | null, context?: SecureContext) => void) => void; reload(): void }
/** Placeholder. */
export function openTlsContexts(_certs: readonly string[], _keys: readonly string[]): TlsContexts { throw new Error('not yet'); }
