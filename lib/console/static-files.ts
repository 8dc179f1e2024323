// Files of the console that hold no data of the fleet, such as styles and scripts: served from memory, to everybody, and
// kept by browsers until they change.

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzip } from 'node:zlib';
import { acceptsGzip } from './accepts-gzip.js';
import { SECURITY_HEADERS } from './answers.js';

/** A file of the console. */
export interface ConsoleFile {
  /** The whole path under which it is served. */
  readonly path: string;
  /** Its Content-Type. */
  readonly type: string;
  readonly content: Buffer;
}

/** Serves one file. */
export class StaticFile {
  readonly path: string;
  readonly #file: ConsoleFile;
  readonly #etag: string;
  #compressed: Promise<Buffer> | undefined;

  constructor(file: ConsoleFile) {
    this.path = file.path;
    this.#file = file;
    this.#etag = createHash('sha256').update(file.content).digest('base64url').slice(0, 22);
  }

  /** Answers GET and HEAD. */
  async answer({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const isGzip = acceptsGzip(String(headers['accept-encoding'] ?? ''));
    const etag = `"${this.#etag}${isGzip ? '-gzip' : ''}"`;
    const fields = { ...SECURITY_HEADERS, 'Cache-Control': 'no-cache', ETag: etag, Vary: 'Accept-Encoding' };
    if (headers['if-none-match'] === etag) {
      response.writeHead(304, fields).end();
      return;
    }
    const { type, content } = this.#file;
    const sent = isGzip ? await (this.#compressed ??= compress(content)) : content;
    response
      .writeHead(200, {
        ...fields,
        'Content-Type': type,
        'Content-Length': sent.length,
        ...(isGzip && { 'Content-Encoding': 'gzip' }),
      })
      .end(sent);
  }
}

/** Compresses in the thread pool. */
function compress(content: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip(content, { level: 9 }, (error, compressed) => (error === null ? resolve(compressed) : reject(error)));
  });
}
