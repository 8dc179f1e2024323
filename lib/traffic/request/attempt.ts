// One attempt to have one host answer one request: takes a connection, sends the request, passes the answer
// on, both streamed with backpressure. It tells once how it ended, and never throws. Which lane the client's
// bytes take is of no matter here.

import type { Clock } from '../../clock.js';
import type { OutcomeKind } from '../../routing/retry.js';
import type { TrafficTimeouts } from '../../config/traffic-config.js';
import type { Count } from '../../table/counters.js';
import { writeCopy } from '../wire/buffers.js';
import { chunkedEnd, chunkHead } from '../wire/chunked.js';
import type { BodyReader, ClientListener, ClientSide, Outcome } from '../client/client-side.js';
import { passedTrailers, requestText } from '../wire/headers.js';
import type { ConnectionUser, HostConnection, Loss } from '../host/host-connection.js';
import type { Host } from '../host/host.js';
import type { HostPool } from '../host/host-pool.js';
import type { LoadHeaders } from '../host/load-headers.js';
import type { ResponseHead } from '../wire/response-head.js';
import { Tunnel } from './tunnel.js';

/** What all attempts of a balancer share. */
export interface AttemptContext {
  readonly pool: HostPool;
  readonly clock: Clock;
  readonly count: Count;
  readonly timeouts: Pick<TrafficTimeouts, 'connectTimeoutMs' | 'responseTimeoutMs' | 'tunnelTimeoutMs'>;
  /** Our name in Via. */
  readonly pseudonym: string;
  /** Takes what hosts say of themselves in their answers. */
  readonly loads: LoadHeaders;
  /** The tunnels that are open, to be told when the balancer stops. */
  readonly tunnels: Set<Tunnel>;
}

/** Upgrades that are not passed on: they would take the requests behind them out of all rules (RFC 9113, section 3.1). */
const NO_UPGRADES = /(?:^|,)\s*(?:h2c?|http\/|tls\/)/i;

/** One attempt. */
export class Attempt implements ConnectionUser, ClientListener, BodyReader {
  readonly host: Host;
  /** Its place in the host's list of attempts. */
  place = -1;
  readonly outcome: Promise<Outcome>;
  /** The request's class, and the work that it is expected to be (ms of CPU). */
  readonly classId: number;
  readonly cost: number;
  /** When it began, by the process's clock. */
  readonly startedAtMs: number;
  /** When the connection was there, and the answer's first byte (process's clock); NaN before. For the access log. */
  connectedAtMs = Number.NaN;
  firstByteAtMs = Number.NaN;
  /** The CPU that the request took, as the host said in its answer (ms); NaN when it did not, or was not asked: answers are sampled. */
  saidCpuMs = Number.NaN;
  /** The bytes of the answer's body so far. */
  bodyBytes = 0;
  readonly #context: AttemptContext;
  readonly #client: ClientSide;
  #settle: (outcome: Outcome) => void = () => undefined;
  #connection: HostConnection | undefined;
  #isSettled = false;
  #isRequestSent = false;
  #isAnswerWhole = false;
  #status = 0;
  #isKept = true;
  #tunnel: Tunnel | undefined;

  constructor(context: AttemptContext, client: ClientSide, host: Host, classId: number, cost: number, startedAtMs: number) {
    this.#context = context;
    this.#client = client;
    this.host = host;
    this.classId = classId;
    this.cost = cost;
    this.startedAtMs = startedAtMs;
    this.outcome = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** Begins. */
  run(): void {
    const { pool, clock, timeouts } = this.#context;
    const client = this.#client;
    if (client.isGone) {
      this.#end('client-gone');
      return;
    }
    client.listener = this;
    const connection = pool.take(this.host, client.head, this.startedAtMs);
    this.#connection = connection;
    connection.use(this, client.head.method);
    // It has just begun: the clock need not be read again.
    if (connection.isConnected) this.#sendRequest(this.startedAtMs);
    else connection.deadlineMs = clock() + timeouts.connectTimeoutMs;
  }

  /** Ends the attempt as if the host had died: an operator took it out. */
  abort(): void {
    if (this.#tunnel !== undefined) this.#tunnel.close();
    else if (this.#connection !== undefined) this.onHostLost('reset');
  }

  // The host's connection.

  onConnected(): void {
    this.#sendRequest(this.#context.clock());
  }

  #sendRequest(nowMs: number): void {
    const { pseudonym } = this.#context;
    const connection = this.#connection as HostConnection;
    const { head, facts } = this.#client;
    this.connectedAtMs = nowMs;
    const isUpgrade = head.upgrade !== undefined && !NO_UPGRADES.test(head.upgrade);
    connection.write(requestText(head, facts, { authority: this.host.authority, pseudonym, isUpgrade }));
    if (head.framing === 'none') {
      this.#isRequestSent = true;
      this.#awaitAnswer(nowMs);
    } else {
      this.#client.readBody(this);
    }
  }

  onHostWritable(): void {
    if (this.#isSettled || this.#isRequestSent || this.#isAnswerWhole) return;
    (this.#connection as HostConnection).deadlineMs = Number.POSITIVE_INFINITY;
    this.#client.resumeBody();
  }

  onHostLost(loss: Loss): void {
    this.#context.count(loss === 'connect-failed' ? 'hosts_connect_failed' : loss === 'reset' ? 'hosts_reset' : 'hosts_bad_response');
    this.#fail(loss);
  }

  onHostDeadline(): void {
    const isConnected = this.#connection?.isConnected === true;
    this.#context.count(isConnected ? 'timeouts_response' : 'timeouts_connect');
    this.#fail(isConnected ? 'timeout' : 'connect-failed');
  }

  // The answer.

  onInformational(said: ResponseHead): void {
    this.#noteFirstByte();
    const head = this.#context.loads.take(this, said);
    const client = this.#client;
    if (head.status === 101) {
      this.#onSwitch(head);
      return;
    }
    if (!this.#isSettled && client.head.minorVersion === 1) client.sendInformational(head);
    this.#awaitAnswer();
  }

  onPause(): void {
    if (this.#status !== 0) this.#client.flush();
  }

  onHead(head: ResponseHead, isBodyHere: boolean): void {
    if (this.#isSettled) return;
    this.#noteFirstByte();
    this.#status = head.status;
    this.#isKept = head.isKeptAlive;
    this.host.noteKeepAlive(head.keepAliveSeconds);
    this.#client.sendHead(this.#context.loads.take(this, head), isBodyHere);
    if (!isBodyHere) this.#awaitAnswer();
  }

  onBody(bytes: Buffer, isLast: boolean): void {
    if (this.#isSettled) return;
    this.bodyBytes += bytes.length;
    const connection = this.#connection as HostConnection;
    const hasRoom = this.#client.sendBody(bytes, isLast);
    if (isLast) return;
    if (hasRoom) {
      this.#awaitAnswer();
      return;
    }
    // The client must catch up; how long that may take is not for the host to answer for.
    connection.deadlineMs = Number.POSITIVE_INFINITY;
    connection.socket.pause();
  }

  onEnd(trailers: readonly string[]): void {
    if (this.#isSettled) return;
    this.#isAnswerWhole = true;
    this.#client.endAnswer(passedTrailers(this.#context.loads.takeTrailers(this, trailers)));
    this.#end('ok', this.#isKept && this.#isRequestSent);
  }

  // The client.

  onClientGone(): void {
    this.#end('client-gone');
  }

  onClientWritable(): void {
    const connection = this.#connection;
    if (this.#isSettled || connection === undefined) return;
    this.#awaitAnswer();
    connection.socket.resume();
  }

  onBodyData(bytes: Buffer): boolean {
    if (this.#isSettled) return true;
    const connection = this.#connection as HostConnection;
    const { socket } = connection;
    let hasRoom: boolean;
    if (this.#client.head.framing === 'chunked') {
      socket.cork();
      connection.write(chunkHead(bytes.length));
      writeCopy(socket, bytes);
      hasRoom = connection.write('\r\n');
      socket.uncork();
    } else {
      hasRoom = writeCopy(socket, bytes);
    }
    if (!hasRoom) connection.deadlineMs = this.#context.clock() + this.#context.timeouts.responseTimeoutMs;
    return hasRoom;
  }

  onBodyEnd(trailers: readonly string[]): void {
    if (this.#isSettled) return;
    const connection = this.#connection as HostConnection;
    if (this.#client.head.framing === 'chunked') connection.write(chunkedEnd(passedTrailers(trailers)));
    this.#isRequestSent = true;
    this.#awaitAnswer();
  }

  /** Once the request is sent, the host owes the next byte of its answer within its time. */
  #awaitAnswer(nowMs = this.#context.clock()): void {
    if (!this.#isRequestSent || this.#isSettled) return;
    (this.#connection as HostConnection).deadlineMs = nowMs + this.#context.timeouts.responseTimeoutMs;
  }

  #noteFirstByte(): void {
    if (Number.isNaN(this.firstByteAtMs)) this.firstByteAtMs = this.#context.clock();
  }

  #onSwitch(head: ResponseHead): void {
    const client = this.#client;
    const connection = this.#connection as HostConnection;
    // A host may not switch protocols unasked: what follows would not be HTTP.
    const isAnnounced = head.headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'upgrade');
    if (client.head.upgrade === undefined || client.sendSwitch === undefined || NO_UPGRADES.test(client.head.upgrade) || !isAnnounced) {
      this.onHostLost('bad-response');
      return;
    }
    this.#status = 101;
    client.listener = undefined;
    const early: Buffer[] = [];
    const socket = client.sendSwitch(head, (bytes) => {
      if (this.#tunnel === undefined) early.push(bytes);
      else this.#tunnel.onClientBytes(bytes);
    });
    const { clock, timeouts, tunnels } = this.#context;
    const tunnel = new Tunnel({
      client: socket, host: connection, isWebSocket: client.head.upgrade.trim().toLowerCase() === 'websocket', clock, idleMs: timeouts.tunnelTimeoutMs,
      onEnd: (isTimeout) => {
        tunnels.delete(tunnel);
        if (isTimeout) this.#context.count('timeouts_tunnel');
        this.#end('ok');
      },
    });
    tunnels.add(tunnel);
    this.#tunnel = tunnel;
    connection.switchTo(tunnel);
    for (const bytes of early) tunnel.onClientBytes(bytes);
  }

  /** The host failed. Once bytes were passed on, the client must see that the answer is not whole. */
  #fail(kind: OutcomeKind): void {
    if (this.#isSettled) return;
    const client = this.#client;
    client.listener = undefined;
    if (client.hasStarted) client.breakOff();
    this.#end(kind);
  }

  #end(kind: OutcomeKind, mayBeUsedAgain = false): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const client = this.#client;
    client.listener = undefined;
    if (this.#tunnel === undefined) this.#connection?.release(mayBeUsedAgain);
    this.#settle({ kind, hasStarted: client.hasStarted, status: this.#status });
  }
}
