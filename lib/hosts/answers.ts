// Whether a host answers: the one question that is put to a host whose agent says nothing.

import { connect } from 'node:net';

/**
 * Whether the host of this origin accepts a TCP connection within the time. Never rejects.
 * No request is sent: a host that is only busy must not be asked to do more.
 */
export function doesAnswer(origin: string, timeoutMs: number): Promise<boolean> {
  const url = new URL(origin);
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (isAnswering: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isAnswering);
    };
    const timer = setTimeout(end, timeoutMs, false);
    socket.on('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}
