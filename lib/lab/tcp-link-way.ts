// One way of one connection through a link: bytes, and the end of them, wait in a queue until their time has come.
// A piece never overtakes another one. A reader that is too far ahead is paused.

import type { Socket } from 'node:net';

/** What a link does with connections and bytes. */
export interface LinkState {
  /** Added to each way. */
  readonly delayMs: number;
  /** An additional random delay of each piece, at most this. */
  readonly jitterMs: number;
  /** Bytes that pass in each way every {@link DRIP_EVERY_MS}; 0 for no limit. */
  readonly dripBytes: number;
  /** False: what the client sends (and that it closes a connection) is lost. Connections stay open. */
  readonly commandsArrive: boolean;
  /** False: what the server sends (and that it closes a connection) is lost. Connections stay open. */
  readonly repliesArrive: boolean;
  /** Connections are reset, and new ones refused. */
  readonly isRefusing: boolean;
}

/** A link without faults. */
export const SOUND: LinkState = {
  delayMs: 0,
  jitterMs: 0,
  dripBytes: 0,
  commandsArrive: true,
  repliesArrive: true,
  isRefusing: false,
};

/** A link that is silent in both ways: connections are accepted and stay open, and nothing arrives. */
export const SILENT: Partial<LinkState> = { commandsArrive: false, repliesArrive: false };

/** The interval at which a dripping link lets bytes pass. */
export const DRIP_EVERY_MS = 20;

/** Held back bytes above which no more are read: a link has no memory of its own. */
const MAX_QUEUED_BYTES = 256 * 1024;

interface Piece {
  readonly dueMs: number;
  /** Null for the end of the stream. */
  readonly bytes: Buffer | null;
}

/** What a way follows. */
export interface WayRule {
  readonly state: () => LinkState;
  readonly arrives: () => boolean;
  /** Whether the sender hears what happens at the other end: the other way arrives. */
  readonly isHeard: () => boolean;
  readonly random: () => number;
}

/** Forwards one way. */
export class LinkWay {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #rule: WayRule;
  readonly #queue: Piece[] = [];
  #queuedBytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, rule: WayRule) {
    this.#from = from;
    this.#to = to;
    this.#rule = rule;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => this.#take(null));
    from.on('close', (hasFailed) => {
      // A reset, or our own cut; a silent link carries neither.
      if (hasFailed && rule.arrives()) to.destroy();
      else if (!from.readableEnded) this.#take(null);
    });
    to.on('drain', () => this.follow());
    to.on('close', () => {
      clearTimeout(this.#timer);
      this.#queue.length = 0;
      this.#queuedBytes = 0;
    });
  }

  /** Delivers what is due, under the state in force now. */
  follow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { dripBytes } = this.#rule.state();
    let left = dripBytes > 0 ? dripBytes : Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    while (this.#queue.length > 0 && left > 0) {
      const [piece] = this.#queue as [Piece];
      if (piece.dueMs > nowMs) break;
      left -= this.#deliver(piece, left);
    }
    if (this.#queuedBytes <= MAX_QUEUED_BYTES) this.#from.resume();
    const [next] = this.#queue;
    if (next !== undefined) this.#timer = setTimeout(() => this.follow(), Math.max(next.dueMs - nowMs, dripBytes > 0 ? DRIP_EVERY_MS : 1));
  }

  #take(bytes: Buffer | null): void {
    if (!this.#rule.arrives()) return;
    if (this.#to.destroyed) {
      // As a reset would.
      if (this.#rule.isHeard()) this.#from.destroy();
      return;
    }
    const { delayMs, jitterMs, dripBytes } = this.#rule.state();
    const nowMs = performance.now();
    this.#lastDueMs = Math.max(this.#lastDueMs, nowMs + delayMs + jitterMs * this.#rule.random());
    const isIdle = this.#queue.length === 0;
    this.#queue.push({ dueMs: this.#lastDueMs, bytes });
    this.#queuedBytes += bytes?.length ?? 0;
    if (this.#queuedBytes > MAX_QUEUED_BYTES) this.#from.pause();
    if (!isIdle) return;
    if (this.#lastDueMs <= nowMs && dripBytes === 0) this.follow();
    else this.#timer = setTimeout(() => this.follow(), Math.max(this.#lastDueMs - nowMs, dripBytes > 0 ? DRIP_EVERY_MS : 1));
  }

  /** Delivers at most `most` bytes of the first piece; returns how many. */
  #deliver({ dueMs, bytes }: Piece, most: number): number {
    // What was on its way when the link became silent is lost.
    const arrives = this.#rule.arrives() && !this.#to.destroyed;
    if (bytes === null) {
      this.#queue.shift();
      if (arrives) this.#to.end();
      return 0;
    }
    const part = bytes.length <= most ? bytes : bytes.subarray(0, most);
    if (part === bytes) this.#queue.shift();
    else this.#queue[0] = { dueMs, bytes: bytes.subarray(most) };
    this.#queuedBytes -= part.length;
    if (arrives) this.#to.write(part);
    return part.length;
  }
}
