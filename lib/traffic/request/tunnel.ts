// A connection whose protocol was switched: bytes both ways as they come, with backpressure, until either side
// ends or both are silent for too long. A WebSocket gets a close frame (1001) when the balancer stops.

import type { Duplex } from 'node:stream';
import type { Clock } from '../../clock.js';
import { startTimeout } from '../../timeout.js';
import type { ClientSide } from '../client/client-side.js';
import { hasToken } from '../wire/grammar.js';
import { writeBytes } from '../wire/buffers.js';
import type { ResponseHead } from '../wire/response-head.js';
import type { TunnelSide } from '../host/connection-user.js';
import type { HostConnection } from '../host/host-connection.js';
import { closeFrame, FrameTracker } from './websocket-frames.js';

/** How long either side may take to close a connection that the other or we have ended. */
const LINGER_MS = 5000;

/** WebSocket's "going away" (RFC 6455, section 7.4.1). */
const GOING_AWAY = 1001;

/** In place of a protocol's name: no token can be this. */
const NOT_ONE = ',';

/** What a tunnel is made of. */
export interface TunnelOptions {
  readonly client: Duplex;
  /** Sends bytes to the client, which has a deadline to read them; false when it must catch up. */
  readonly send: (bytes: Buffer) => boolean;
  readonly host: HostConnection;
  readonly isWebSocket: boolean;
  readonly clock: Clock;
  /** How long both sides may be silent. */
  readonly idleMs: number;
  /** Called once, when it has ended. */
  readonly onEnd: (isTimeout: boolean) => void;
  /** Called when one of its calls threw, which is a bug of ours; before `onEnd`. */
  readonly onFault: (error: unknown) => void;
}

/**
 * Makes a tunnel of a request and its host's connection, once the host has answered 101; to be called while that head
 * is read. Undefined when the host may not switch protocols, or not to this one: what follows would not be HTTP.
 */
export function openTunnel(
  head: ResponseHead,
  client: ClientSide,
  options: Omit<TunnelOptions, 'client' | 'send' | 'isWebSocket'>,
): Tunnel | undefined {
  const protocol = protocolOf(head);
  const { upgrade } = client.head;
  if (upgrade === undefined || client.sendSwitch === undefined || !hasToken(upgrade, protocol)) return undefined;
  client.listener = undefined;
  const early: Buffer[] = [];
  const opened: { tunnel?: Tunnel } = {};
  const socket = client.sendSwitch(head, (bytes) => {
    if (opened.tunnel === undefined) early.push(Buffer.from(bytes));
    else opened.tunnel.onClientBytes(bytes);
  });
  const tunnel = new Tunnel({
    ...options,
    client: socket,
    send: (bytes) => client.sendBody(bytes, false),
    isWebSocket: protocol === 'websocket',
  });
  opened.tunnel = tunnel;
  options.host.switchTo(tunnel);
  for (const bytes of early) tunnel.onClientBytes(bytes);
  return tunnel;
}

/**
 * The protocol that a 101 switches to, in lower case. What names none, or several, gives something that no client can
 * have offered.
 */
function protocolOf({ headers }: ResponseHead): string {
  const values = headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === 'upgrade');
  return values.length === 1 && values[0] !== '' ? (values[0] as string).toLowerCase() : NOT_ONE;
}

/** One tunnel. */
export class Tunnel implements TunnelSide {
  readonly #client: Duplex;
  readonly #host: HostConnection;
  readonly #options: TunnelOptions;
  /** Where the frames stand that go to each side; undefined when it is no WebSocket. */
  readonly #toClient: FrameTracker | undefined;
  readonly #toHost: FrameTracker | undefined;
  #idleMs: number;
  #isClosing = false;
  #isEnded = false;

  constructor(options: TunnelOptions) {
    const { client, host, isWebSocket } = options;
    this.#client = client;
    this.#host = host;
    this.#options = options;
    this.#idleMs = options.idleMs;
    this.#toClient = isWebSocket ? new FrameTracker() : undefined;
    this.#toHost = isWebSocket ? new FrameTracker() : undefined;
    client.on('drain', () => host.socket.resume());
    client.on('end', () => {
      // What the host still has to say is passed on, if it says so soon.
      this.#idleMs = LINGER_MS;
      this.#isAlive();
      host.socket.end();
    });
    // After an error comes `close`.
    client.on('close', () => this.#endAfter(host.socket));
    client.resume();
    this.#isAlive();
  }

  /**
   * Bytes of the client, for the host.
   * @param bytes valid until the call returns
   */
  onClientBytes(bytes: Buffer): void {
    if (this.#isClosing) return;
    this.#isAlive();
    this.#toHost?.push(bytes);
    if (!writeBytes(this.#host.socket, bytes)) this.#client.pause();
  }

  onHostBytes(bytes: Buffer): void {
    if (this.#isClosing) return;
    this.#isAlive();
    this.#toClient?.push(bytes);
    if (!this.#options.send(bytes)) this.#host.socket.pause();
  }

  onHostWritable(): void {
    this.#client.resume();
  }

  onHostEnd(): void {
    this.#endAfter(this.#client);
  }

  onHostClosed(): void {
    this.#endAfter(this.#client);
  }

  onHostDeadline(): void {
    this.#end(this.#idleMs !== LINGER_MS);
    this.close();
  }

  onFault(error: unknown): void {
    this.#options.onFault(error);
    this.close();
  }

  /** Ends it in good order: a WebSocket's sides are told, if they are between two frames. */
  sayGoodbye(): void {
    if (this.#isClosing) return;
    if (this.#toClient?.isAtBoundary === true) this.#client.write(closeFrame(GOING_AWAY, false));
    if (this.#toHost?.isAtBoundary === true) this.#host.write(closeFrame(GOING_AWAY, true));
    this.#close(this.#client, this.#host.socket);
    this.#end(false);
  }

  /** Ends both sides at once. */
  close(): void {
    this.#isClosing = true;
    this.#client.destroy();
    this.#host.destroy();
    this.#end(false);
  }

  /** One side has ended: the other one gets what is on its way to it, and the end. */
  #endAfter(other: Duplex): void {
    if (this.#isClosing) return;
    this.#close(other);
    this.#end(false);
  }

  #close(...sides: readonly Duplex[]): void {
    this.#isClosing = true;
    this.#host.deadlineMs = Number.POSITIVE_INFINITY;
    const timeout = startTimeout(LINGER_MS, () => this.close());
    for (const side of sides) {
      side.end();
      // What still comes is read by nobody; unread, it would hide that the other side has closed.
      side.resume();
    }
    const isOver = (): void => {
      if (this.#client.destroyed && this.#host.socket.destroyed) timeout.clear();
    };
    this.#client.once('close', isOver);
    this.#host.socket.once('close', isOver);
    isOver();
  }

  #isAlive(): void {
    this.#host.deadlineMs = this.#options.clock() + this.#idleMs;
  }

  #end(isTimeout: boolean): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#options.onEnd(isTimeout);
  }
}
