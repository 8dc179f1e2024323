// What the system knows of a TCP connection on 127.0.0.1: whether it is still there, and how much of what was sent on it
// has not arrived or not been read. Linux only.

import { readFileSync } from 'node:fs';

const ESTABLISHED = '01';

/** One side of a connection. */
export interface TcpSide {
  /** Neither side has closed its half, or reset it. */
  readonly isEstablished: boolean;
  /** Bytes sent that have not arrived in the other side's buffer. */
  readonly underwayBytes: number;
  /** Bytes in the buffer that the process has not read yet. */
  readonly unreadBytes: number;
}

const hexPort = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');

/** The side of a connection that has the first port; undefined when the system keeps nothing of it. */
export function tcpSide(localPort: number, remotePort: number): TcpSide | undefined {
  const ends = `[0-9A-F]{8}:${hexPort(localPort)} [0-9A-F]{8}:${hexPort(remotePort)}`;
  const line = new RegExp(`^ *\\d+: ${ends} (..) (.{8}):(.{8}) `, 'm').exec(readFileSync('/proc/net/tcp', 'latin1'));
  if (line === null) return undefined;
  const [, state, sent = '', received = ''] = line;
  return { isEstablished: state === ESTABLISHED, underwayBytes: Number.parseInt(sent, 16), unreadBytes: Number.parseInt(received, 16) };
}

/** Resolves after two more turns of the event loop: what the system had for this process by now has been handled. */
export async function nextTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => void setImmediate(resolve));
}
