// Decides by the first bytes of a plain connection whether its client speaks HTTP/2 with prior knowledge (RFC 9113,
// sections 3.3 and 3.4). The preface may come in pieces; the first byte that it can't have means HTTP/1.

import type { Socket } from 'node:net';
import { formatDuration } from '../../config/config.js';
import type { Count } from '../../table/counters.js';
import { startTimeout } from '../../timeout.js';
import { type AnswerCode, answerText } from '../wire/answers.js';
import type { ClientFacts } from '../wire/headers.js';
import { idLine } from '../wire/own-lines.js';
import { endSoon } from './linger.js';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** What to do with a connection. */
export interface PrefaceOptions {
  readonly headerTimeoutMs: number;
  readonly count: Count;
  readonly onTurnedAway: (facts: ClientFacts, code: AnswerCode | '', reason: string) => string;
  readonly onConnection: (socket: Socket, facts: ClientFacts, isHttp2: boolean, resetTcp: () => void, first?: Buffer) => void;
}

/** Reads the first bytes of a paused connection, and hands it out. */
export function readPreface(socket: Socket, facts: ClientFacts, options: PrefaceOptions): void {
  const { headerTimeoutMs, count, onConnection, onTurnedAway } = options;
  const resetTcp = (): void => void socket.resetAndDestroy();
  let bytes: Buffer = Buffer.alloc(0);
  const timeout = startTimeout(headerTimeoutMs, () => {
    stop();
    count('timeouts_header');
    const within = `within ${formatDuration(headerTimeoutMs)} (--header-timeout)`;
    if (bytes.length === 0) {
      onTurnedAway(facts, '', `no byte of a request ${within}`);
      socket.destroy();
      return;
    }
    const id = onTurnedAway(facts, 'MEERCAT_REQUEST_TIMEOUT', `no whole head ${within}`);
    socket.write(answerText('MEERCAT_REQUEST_TIMEOUT', { isHead: false, isKept: false, ownLines: idLine(id) }));
    endSoon(socket);
  });
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const seen = Math.min(bytes.length, PREFACE.length);
    const isPrefix = bytes.compare(PREFACE, 0, seen, 0, seen) === 0;
    if (isPrefix && seen < PREFACE.length) return;
    stop();
    socket.pause();
    if (isPrefix) socket.unshift(bytes);
    onConnection(socket, facts, isPrefix, resetTcp, isPrefix ? undefined : bytes);
  };
  // A part of the preface is no request either.
  const onEnd = (): void => {
    stop();
    socket.destroy();
  };
  const stop = (): void => {
    timeout.clear();
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('close', stop);
  };
  socket.on('data', onData);
  socket.on('end', onEnd);
  socket.on('close', stop);
  socket.resume();
}
