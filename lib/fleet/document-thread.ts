// Entry of the thread that reads site documents, one after the other; started by document-reader.ts, never imported.

import { parentPort } from 'node:worker_threads';
import { readSite } from '../config/site/read-site.js';
import type { DocumentRead } from './document-reader.js';

parentPort?.on('message', ({ id, text }: { readonly id: number; readonly text: string }) => {
  parentPort?.postMessage({ id, reading: readSite(text) } satisfies DocumentRead);
});
