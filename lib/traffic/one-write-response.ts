// Node's response with one more way out: an answer whose whole body is at hand goes out in one write. Node itself
// writes it in two parts, which costs a gathered write and its bookkeeping for each small answer.

import { ServerResponse } from 'node:http';

/** Node's own names for the head that `writeHead` made and whether it was sent. */
interface Inner {
  _header: string | null;
  _headerSent: boolean;
  finished: boolean;
}

/** A response that `http.createServer` is told to use. */
export class OneWriteResponse extends ServerResponse {
  /**
   * Sends a whole answer; in place of `writeHead` and `end`.
   * @param body latin1; its length is what a Content-Length among the headers says
   */
  sendWhole(status: number, reason: string, headers: readonly string[], body: string): void {
    this.writeHead(status, reason, headers as string[]);
    const inner = this as unknown as Inner;
    const { socket } = this;
    // oxlint-disable-next-line no-underscore-dangle -- Node's name
    const head = inner._header;
    // Whatever is not as expected goes Node's way.
    if (socket === null || head === null || this.chunkedEncoding || !socket.writable) {
      this.end(body, 'latin1');
      return;
    }
    // oxlint-disable-next-line no-underscore-dangle -- Node's name
    inner._headerSent = true;
    inner.finished = true;
    socket.write(head + body, 'latin1', () => this.emit('finish'));
  }
}
