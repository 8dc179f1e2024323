// The bytes of a client's HTTP/2 connection on their way between its socket and node:http2, with backpressure both ways.
// It walks over the frames of both directions: what floods is counted, answered with GOAWAY, and the connection ended,
// before node:http2 sees the frame.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Clock } from '../../clock.js';
import type { Count } from '../../table/counters.js';
import { ALL_STREAMS, errorCodeOf, FRAME, FrameWalker, goawayFrame, type Http2Error, nameOfError, PREFACE } from '../wire/http2-frames.js';
import { BlockCheck } from './block-check.js';
import { type Excess, FrameBudget, type FrameRules } from './frame-budget.js';
import { endSoon, LINGER_BYTES } from './linger.js';

const TOO_LARGE = errorCodeOf('ENHANCE_YOUR_CALM');
const MALFORMED = errorCodeOf('PROTOCOL_ERROR');

/** What a guard is made with. */
export interface GuardOptions {
  readonly rules: FrameRules;
  readonly clock: Clock;
  readonly count: Count;
  /** The connection ends by an error of the client. @param reason for the reason log */
  readonly onRefused: (reason: string) => void;
}

/** One connection's bytes. They begin with the client's preface. */
export class FrameGuard extends Duplex {
  /** What is known of the client's header blocks before node:http2 hands out what it made of them. */
  readonly blocks = new BlockCheck();
  /** Called when the client has begun a header block and not ended it (true), and when it has or more need not be waited for. */
  onBlock: (isOpen: boolean) => void = () => undefined;
  readonly #socket: Socket;
  readonly #options: GuardOptions;
  readonly #budget: FrameBudget;
  readonly #received: FrameWalker;
  readonly #sent: FrameWalker;
  #prefaceLeft = PREFACE.length;
  /** The header block that the client is to end; 0: none, or it is not read from. */
  #openBlock = 0;
  #excess: Excess | undefined;
  /** The client is told that it is refused; what it still sends is discarded. */
  #isRefused = false;
  #discarded = 0;
  /** node:http2 has sent a GOAWAY with an error. */
  #hasSaidError = false;
  /** `warn` was called, and its frame not sent. */
  #hasWarned = false;

  constructor(socket: Socket, options: GuardOptions) {
    super();
    this.#socket = socket;
    this.#options = options;
    this.#budget = new FrameBudget(
      options.rules,
      options.clock,
      (code) => this.#onReset(code),
      (code) => this.#onGoaway(code),
    );
    this.#received = new FrameWalker((frame) => (this.#excess = this.#budget.onReceived(frame)) === undefined, this.blocks.onPayload);
    this.#sent = new FrameWalker((frame) => {
      this.#excess ??= this.#budget.onSent(frame);
      if (frame.type === FRAME.rstStream) this.blocks.forget(frame.streamId);
      return true;
    });
    // `close` follows an error.
    this.on('error', () => undefined);
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => this.#onBytes(bytes));
    // A client that has closed its half has gone. node:http2 must not see the end: it would end its own side and still
    // write its frames, and Node stops the process when that happens on a stream of ours.
    socket.on('end', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  /** The client has broken the protocol, as node:http2 says: ends the connection with this error. */
  breakOff(error: Http2Error): void {
    if (this.#isRefused) return;
    this.#countError(error);
    this.#end(error);
  }

  /** The client is too slow: ends the connection. */
  giveUp(): void {
    if (!this.#isRefused) this.#end('ENHANCE_YOUR_CALM');
  }

  /** Tells the client to open no more streams; those that it opens until it reads this are still served. */
  warn(): void {
    this.#hasWarned = true;
    this.#warnBetween();
  }

  override _read(): void {
    this.#socket.resume();
    this.#watchBlock(this.#received.openBlock);
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#sent.walk(bytes);
    this.#socket.write(bytes, done);
    this.#afterWrite();
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const last = chunks.length - 1;
    this.#socket.cork();
    for (let i = 0; i <= last; i++) {
      const { chunk } = chunks[i] as { chunk: Buffer };
      this.#sent.walk(chunk);
      this.#socket.write(chunk, i === last ? done : undefined);
    }
    this.#socket.uncork();
    this.#afterWrite();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#isRefused) this.#socket.destroy();
    done(error);
  }

  #onBytes(bytes: Buffer): void {
    if (this.#isRefused) {
      this.#discarded += bytes.length;
      if (this.#discarded > LINGER_BYTES) this.#socket.destroy();
      return;
    }
    const preface = Math.min(this.#prefaceLeft, bytes.length);
    if (preface > 0 && !this.#isPreface(bytes.subarray(0, preface))) {
      this.breakOff('PROTOCOL_ERROR');
      return;
    }
    this.#received.walk(preface === 0 ? bytes : bytes.subarray(preface));
    if (this.#excess !== undefined) this.#refuse(this.#excess);
    else if (this.push(bytes)) this.#watchBlock(this.#received.openBlock);
    else {
      this.#socket.pause();
      this.#watchBlock(0);
    }
  }

  #watchBlock(open: number): void {
    if (open === this.#openBlock) return;
    this.#openBlock = open;
    this.onBlock(open > 0);
  }

  #isPreface(bytes: Buffer): boolean {
    const from = PREFACE.length - this.#prefaceLeft;
    this.#prefaceLeft -= bytes.length;
    return bytes.equals(PREFACE.subarray(from, from + bytes.length));
  }

  #afterWrite(): void {
    if (this.#excess !== undefined) this.#refuse(this.#excess);
    else if (this.#hasSaidError) this.#end(undefined);
    else if (this.#hasWarned) this.#warnBetween();
  }

  #warnBetween(): void {
    if (!this.#hasWarned || !this.#sent.isBetween || !this.#socket.writable) return;
    this.#hasWarned = false;
    this.#socket.write(goawayFrame(ALL_STREAMS, 0));
  }

  /** Only a header list that is too large, and a message that is malformed, are answered with these codes. */
  #onReset(code: number): void {
    if (code === TOO_LARGE) this.#options.count('http2_refused_header_list');
    else if (code === MALFORMED) this.#options.count('refused_http2_message');
  }

  /** A GOAWAY of node:http2. With an error the connection must end (section 5.4.1), which node:http2 leaves to the client. */
  #onGoaway(code: number): void {
    if (code === 0) return;
    this.#hasSaidError = true;
    this.#countError(nameOfError(code));
  }

  #countError(error: string): void {
    this.#options.count('http2_protocol_errors');
    this.#options.onRefused(`the client broke HTTP/2: ${error}`);
  }

  #refuse({ counter, reason }: Excess): void {
    this.#options.count(counter);
    this.#options.onRefused(reason);
    this.#end('ENHANCE_YOUR_CALM');
  }

  /** @param error undefined: a GOAWAY was already sent */
  #end(error: Http2Error | undefined): void {
    this.#isRefused = true;
    if (error !== undefined && this.#sent.isBetween && this.#socket.writable)
      this.#socket.write(goawayFrame(this.#budget.lastStreamId, errorCodeOf(error)));
    endSoon(this.#socket);
    this.destroy();
  }
}
