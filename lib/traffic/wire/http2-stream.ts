// One stream of an HTTP/2 connection (RFC 9113, section 5): what waits to be sent on it and what was received and not
// taken, each within its window. The connection reads and writes its frames.

import { MAX_FRAME } from './http2-frames.js';

/** Who uses a stream: a lane, or the host's side of a request. Its calls come while the connection reads or writes. */
export interface StreamUser {
  /** A head, or trailers. @param isEnd whether it ends the other side's half */
  onHeaders(fields: readonly string[], isEnd: boolean): void;
  /** A part of the body. @param bytes valid until the call returns */
  onData(bytes: Buffer): void;
  /** The other side's half has ended with the last part of the body. */
  onEnd(): void;
  /** The stream is over before both halves have ended: reset by the other side or by the connection's end. @param code of the reset */
  onReset(code: number): void;
  /** A frame of what waited was sent. */
  onSent(): void;
  /** All that waited was sent: there is room for more. */
  onRoom(): void;
}

/** The connection, as its streams use it. */
export interface StreamOwner {
  /** The most bytes that may be sent on any stream now. */
  readonly room: number;
  sendHeaders(stream: Http2Stream, shared: readonly string[], own: readonly string[], isEnd: boolean): void;
  sendData(stream: Http2Stream, bytes: Buffer, start: number, end: number, isEnd: boolean): void;
  sendReset(stream: Http2Stream, code: number): void;
  sendCredit(stream: Http2Stream, bytes: number): void;
  /** The stream has something to send, and no room. */
  waitForRoom(stream: Http2Stream): void;
  /** Both halves have ended. */
  onClosed(stream: Http2Stream): void;
}

/** What may wait on one stream before its user is asked to pause, in bytes: four frames. */
const MAX_WAITING = 4 * MAX_FRAME;

const NO_FIELDS: readonly string[] = [];

/** One stream. */
export class Http2Stream {
  readonly id: number;
  user: StreamUser | undefined;
  /** What the other side lets us send. */
  sendWindow: number;
  /** What we let the other side send. */
  receiveWindow: number;
  /** Whether the other side's half, and ours, has ended. */
  isRemoteEnded = false;
  isLocalEnded = false;
  isClosed = false;
  /** Whether it was reset, by either side. */
  isReset = false;
  /** Whether it waits in the connection's list for room. */
  isWaiting = false;
  readonly #owner: StreamOwner;
  readonly #window: number;
  /** What was taken and not credited. */
  #owed = 0;
  #isPaused = false;
  /** Received while it is paused; at most one window. */
  #held: Buffer[] = [];
  #isEndHeld = false;
  #trailersHeld: readonly string[] | undefined;
  /** What waits to be sent. */
  #queue: Buffer[] = [];
  #queued = 0;
  /** The end that waits behind the queue: trailers, or none of them; undefined: more may come. */
  #end: readonly string[] | undefined;

  constructor(owner: StreamOwner, id: number, sendWindow: number, receiveWindow: number) {
    this.#owner = owner;
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = this.#window = receiveWindow;
  }

  // Sending.

  /** Bytes that wait to be sent. */
  get queued(): number {
    return this.#queued;
  }

  /** Whether the user should wait for `onRoom`. */
  get isFull(): boolean {
    return this.#queued >= MAX_WAITING;
  }

  /** Sends a head. @param shared fields that are sent often, as the same list @param own those of this one */
  sendHeaders(shared: readonly string[], own: readonly string[], isEnd: boolean): void {
    if (this.isLocalEnded || this.isClosed) return;
    this.#owner.sendHeaders(this, shared, own, isEnd);
    if (isEnd) this.#endLocal();
  }

  /**
   * Sends a part of the body.
   * @param bytes valid until the call returns
   * @returns whether there is room for more; else `onRoom` follows
   */
  sendData(bytes: Buffer, isEnd: boolean): boolean {
    if (this.isLocalEnded || this.isClosed || this.#end !== undefined) return true;
    let at = 0;
    if (this.#queued === 0) {
      while (at < bytes.length) {
        const room = Math.min(this.#owner.room, this.sendWindow, bytes.length - at, MAX_FRAME);
        if (room <= 0) break;
        this.#owner.sendData(this, bytes, at, at + room, isEnd && at + room === bytes.length);
        at += room;
      }
      if (at === bytes.length) {
        if (isEnd) this.#finishData(bytes.length === 0);
        return true;
      }
    }
    this.#queue.push(Buffer.from(bytes.subarray(at)));
    this.#queued += bytes.length - at;
    if (isEnd) this.#end = NO_FIELDS;
    this.#owner.waitForRoom(this);
    return !this.isFull;
  }

  #finishData(isEmpty: boolean): void {
    if (isEmpty) this.#owner.sendData(this, EMPTY, 0, 0, true);
    this.#endLocal();
  }

  /** Ends our half, after what waits. @param trailers empty: none */
  end(trailers: readonly string[] = NO_FIELDS): void {
    if (this.isLocalEnded || this.isClosed || this.#end !== undefined) return;
    if (this.#queued > 0) this.#end = trailers;
    else this.#sendEnd(trailers);
  }

  #sendEnd(trailers: readonly string[]): void {
    if (trailers.length === 0) this.#owner.sendData(this, EMPTY, 0, 0, true);
    else this.#owner.sendHeaders(this, NO_FIELDS, trailers, true);
    this.#endLocal();
  }

  /** Sends what waits, at most one frame. Returns whether more waits that could be sent at once. */
  sendNext(): boolean {
    const [first] = this.#queue;
    if (first === undefined || this.isClosed) return false;
    const room = Math.min(this.#owner.room, this.sendWindow, first.length, MAX_FRAME);
    if (room <= 0) return false;
    const isLast = room === this.#queued && this.#end !== undefined && this.#end.length === 0;
    this.#owner.sendData(this, first, 0, room, isLast);
    this.#queued -= room;
    if (room === first.length) this.#queue.shift();
    else this.#queue[0] = first.subarray(room);
    const end = this.#end;
    if (isLast) this.#endLocal();
    else if (end !== undefined && this.#queued === 0) this.#sendEnd(end);
    this.user?.onSent();
    if (this.#queued > 0) return this.sendWindow > 0;
    if (end === undefined && !this.isClosed) this.user?.onRoom();
    return false;
  }

  #endLocal(): void {
    this.isLocalEnded = true;
    if (this.isRemoteEnded) this.#close();
  }

  /** Resets the stream, unless it is over. */
  reset(code: number): void {
    if (this.isClosed) return;
    this.isReset = true;
    this.#owner.sendReset(this, code);
    this.#close();
  }

  // Receiving.

  /** Holds back what comes, up to the window. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    while (!this.#isPaused && this.#held.length > 0 && !this.isReset) this.#take(this.#held.shift() as Buffer);
    if (this.#isPaused || this.#held.length > 0) return;
    this.#deliverEnd();
  }

  /** A frame of DATA. @param counted its bytes with padding @param bytes valid until the call returns */
  onData(bytes: Buffer, counted: number, isEnd: boolean): void {
    // Padding is taken at once.
    this.#owed += counted - bytes.length;
    if (isEnd) this.#endRemote();
    if (this.#isPaused || this.#held.length > 0) {
      if (bytes.length > 0) this.#held.push(Buffer.from(bytes));
    } else if (bytes.length > 0) this.#take(bytes);
    if (isEnd) {
      this.#isEndHeld = true;
      this.#deliverEnd();
    }
  }

  /** A head or trailers; trailers come after the body. */
  onHeaders(fields: readonly string[], isEnd: boolean): void {
    if (isEnd) this.#endRemote();
    if (isEnd && (this.#isPaused || this.#held.length > 0)) this.#trailersHeld = fields;
    else this.user?.onHeaders(fields, isEnd);
  }

  #take(bytes: Buffer): void {
    this.#owed += bytes.length;
    this.user?.onData(bytes);
    // Nothing more will come: nothing is owed.
    if (this.isRemoteEnded || this.isClosed || this.#owed < this.#window >> 1) return;
    this.receiveWindow += this.#owed;
    this.#owner.sendCredit(this, this.#owed);
    this.#owed = 0;
  }

  #deliverEnd(): void {
    if (this.#isPaused || this.#held.length > 0) return;
    const trailers = this.#trailersHeld;
    this.#trailersHeld = undefined;
    if (trailers !== undefined) this.user?.onHeaders(trailers, true);
    else if (this.#isEndHeld) {
      this.#isEndHeld = false;
      this.user?.onEnd();
    }
  }

  #endRemote(): void {
    this.isRemoteEnded = true;
    if (this.isLocalEnded) this.#close();
  }

  /** The other side has reset it, or the connection is over. */
  onReset(code: number): void {
    if (this.isClosed) return;
    this.isReset = true;
    this.#held = [];
    this.#close();
    this.user?.onReset(code);
  }

  /** The other side has broken a rule on this stream, which was reset for it. */
  onFault(code: number): void {
    this.#held = [];
    this.#close();
    this.user?.onReset(code);
  }

  #close(): void {
    this.isClosed = true;
    this.#queue = [];
    this.#queued = 0;
    this.#owner.onClosed(this);
  }
}

const EMPTY = Buffer.alloc(0);
