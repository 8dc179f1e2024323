// Queries an agent that speaks HAProxy's agent-check protocol: connects, reads one line, closes. The line is untrusted:
// it must be short, arrive in time and contain a known keyword; none of its text reaches a log.

import { connect, type Socket } from 'node:net';
import { messageOf } from '../../errors.js';
import { afterLine, MAX_LINE_BYTES, NOTHING_SAID, readingOf } from '../agent-check.js';
import type { Probe, ProbeOptions, ProbeReading } from '../probe-model.js';

/**
 * Opens a probe for the agent at this URL (`agent-check://host:port`), without connecting yet. Each read opens a new
 * connection, and rejects if no usable line arrives within `timeoutMs`. State that a line does not mention is kept:
 * after `drain` only `ready` lets the host back in, after `down` only `up`.
 */
export async function openAgentCheckProbe(url: URL, options: ProbeOptions): Promise<Probe> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port);
  const name = `agent check ${url.host}`;
  const underWay = new Set<Socket>();
  let state = NOTHING_SAID;
  let isClosed = false;

  const read = async (): Promise<ProbeReading> => {
    if (isClosed) throw new Error(`the probe of ${name} is closed`);
    const socket = connect({ host, port });
    underWay.add(socket);
    let isLate = false;
    const deadline = setTimeout(() => {
      isLate = true;
      socket.destroy();
    }, options.timeoutMs);
    try {
      const next = afterLine(state, await lineOf(socket));
      if (next === undefined) throw new Error('the line has no word of the protocol');
      state = next;
      return readingOf(state, options.coresLimit ?? null);
    } catch (error) {
      const reason = isLate ? `no line within ${options.timeoutMs} ms` : isClosed ? 'closed' : messageOf(error);
      throw new Error(`${name}: ${reason}`, { cause: error });
    } finally {
      clearTimeout(deadline);
      underWay.delete(socket);
      socket.destroy();
    }
  };

  const close = () => {
    isClosed = true;
    for (const socket of underWay) socket.destroy();
  };
  return { kind: 'agent-check', read, close };
}

/** Reads the first line, terminated by CR, LF or the end of the connection. */
function lineOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      text += part;
      const end = text.search(/[\r\n]/);
      if ((end < 0 ? text.length : end) > MAX_LINE_BYTES) reject(new Error(`the line is longer than ${MAX_LINE_BYTES} bytes`));
      else if (end >= 0) resolve(text.slice(0, end));
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection closed without a line')));
  });
}
