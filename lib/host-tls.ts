// Placeholder until the merge.
import { readFileSync } from 'node:fs';
import type { HostTls, TlsFiles } from './traffic-config.js';
/** Placeholder. */
export function readHostTls(files: Pick<TlsFiles, 'hostCa' | 'isHostInsecure'>): HostTls {
  return { ca: files.hostCa === '' ? undefined : readFileSync(files.hostCa, 'utf8'), isInsecure: files.isHostInsecure };
}
