// A tunnel, after a 101: passes bytes in both directions, with backpressure, until either side ends or both are silent
// for too long. A WebSocket gets a close frame (1001) when the balancer stops.

import type { Duplex } from 'node:stream';
import type { Clock } from '../../clock.js';
import { startTimeout } from '../../timeout.js';
import type { ClientSide } from '../client/client-side.js';
import { hasToken } from '../wire/grammar.js';
import { writeBytes } from '../wire/buffers.js';
import type { ResponseHead } from '../wire/response-head.js';
import type { TunnelSide } from '../host/connection-user.js';
import type { HostSide } from '../host/host-side.js';
import { closeFrame, FrameTracker } from './websocket-frames.js';

/** How long a side may take to close its connection after the other side or the balancer has ended the tunnel. */
const LINGER_MS = 5000;

/** WebSocket's "going away" (RFC 6455, section 7.4.1). */
const GOING_AWAY = 1001;

/** Stands for "no single protocol": no token can equal it. */
const NOT_ONE = ',';

/** The two sides and settings of a tunnel. */
export interface TunnelOptions {
  readonly client: Duplex;
  /** Sends bytes to the client, which has a deadline to read them; returns false when it must catch up. */
  readonly send: (bytes: Buffer) => boolean;
  readonly host: HostSide;
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
 * Turns a request and its host's connection into a tunnel, after the host's 101; call it while that head is being parsed.
 * Undefined if the host may not switch, or not to this protocol: the bytes that follow would not be HTTP.
 * @param setCookie as of `ClientSide.sendHead`
 */
export function openTunnel(
  head: ResponseHead,
  client: ClientSide,
  setCookie: string | undefined,
  options: Omit<TunnelOptions, 'client' | 'send' | 'isWebSocket'>,
): Tunnel | undefined {
  const protocol = protocolOf(head);
  const { upgrade } = client.head;
  if (upgrade === undefined || client.sendSwitch === undefined || !hasToken(upgrade, protocol)) return undefined;
  if (client.acceptsSwitch?.(head) === false) return undefined;
  client.listener = undefined;
  const early: Buffer[] = [];
  const opened: { tunnel?: Tunnel } = {};
  const socket = client.sendSwitch(head, setCookie, (bytes) => {
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
 * The protocol that a 101 switches to, in lower case. If it names none or several, a value that no client can have
 * offered.
 */
function protocolOf({ headers }: ResponseHead): string {
  const values = headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === 'upgrade');
  return values.length === 1 && values[0] !== '' ? (values[0] as string).toLowerCase() : NOT_ONE;
}

/** One tunnel. */
export class Tunnel implements TunnelSide {
  readonly #client: Duplex;
  readonly #host: HostSide;
  readonly #options: TunnelOptions;
  /** Track the frames towards each side; undefined if it is not a WebSocket. */
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
    client.on('drain', () => host.way.resume());
    client.on('end', () => {
      // The host may still finish what it was sending, within the linger time.
      this.#idleMs = LINGER_MS;
      this.#isAlive();
      host.way.end();
    });
    // `close` follows an error.
    client.on('close', () => this.#endAfter(host.way));
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
    if (!writeBytes(this.#host.way, bytes)) this.#client.pause();
  }

  onHostBytes(bytes: Buffer): void {
    if (this.#isClosing) return;
    this.#isAlive();
    this.#toClient?.push(bytes);
    if (!this.#options.send(bytes)) this.#host.way.pause();
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

  /** Closes the tunnel gracefully: sends each side of a WebSocket a close frame, if it is between two frames. */
  sayGoodbye(): void {
    if (this.#isClosing) return;
    if (this.#toClient?.isAtBoundary === true) this.#client.write(closeFrame(GOING_AWAY, false));
    if (this.#toHost?.isAtBoundary === true) this.#host.way.write(closeFrame(GOING_AWAY, true));
    this.#close(this.#client, this.#host.way);
    this.#end(false);
  }

  /** Ends both sides at once. */
  close(): void {
    this.#isClosing = true;
    this.#client.destroy();
    this.#host.destroy();
    this.#end(false);
  }

  /** One side has ended: flushes what is pending to the other one, and ends it too. */
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
      // Discards further input: if it stayed unread, the other side's close would not be noticed.
      side.resume();
    }
    const isOver = (): void => {
      if (this.#client.destroyed && this.#host.way.destroyed) timeout.clear();
    };
    this.#client.once('close', isOver);
    this.#host.way.once('close', isOver);
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
