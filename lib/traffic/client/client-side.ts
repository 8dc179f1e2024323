// What a lane offers to carry a request through: the head, the body as it comes, and the way back to the client. Behind
// this interface all lanes are the same.

import type { Duplex } from 'node:stream';
import type { AnswerCode } from '../wire/answers.js';
import type { ClientFacts } from '../wire/headers.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ResponseHead } from '../wire/response-head.js';

/** An attempt to have a host answer the request, as a lane starts it. */
export interface Startable {
  /** Begins; never throws, and may have ended when it returns. */
  run(): void;
}

/** Who takes a request's body. */
export interface BodyReader {
  /**
   * A part of the body; gives false when no more can be taken until `resumeBody`.
   * @param bytes valid until the call returns
   */
  onBodyData(bytes: Buffer): boolean;
  /** The body is whole. */
  onBodyEnd(trailers: readonly string[]): void;
}

/** Who must know what becomes of the client. */
export interface ClientListener {
  /** The client went away, or was given up: nothing more can be sent. */
  onClientGone(): void;
  /** After `sendBody` gave false: more can be sent. */
  onClientWritable(): void;
}

/** The client's side of one request. */
export interface ClientSide {
  readonly head: RequestHead;
  readonly facts: ClientFacts;
  /** Whether the client went away or was given up. */
  readonly isGone: boolean;
  /** Whether it was given up for its body: late, malformed, or too long. */
  readonly hasFailed: boolean;
  /** Whether the head of an answer was sent. */
  readonly hasStarted: boolean;
  /** Whether a part of the body was handed out: it can't be had again. */
  readonly isBodyTaken: boolean;
  /** The code of the answer of our own that was sent; empty without one. */
  readonly code: AnswerCode | '';
  /** Why the client was given up, in a few words; empty when it was not, or nobody wants to know. */
  readonly reason: string;
  /** The status that was sent, 0 for none; bytes of bodies both ways, or of the other protocol. For the access log. */
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Hears of the client while a request is forwarded. */
  listener: ClientListener | undefined;

  /** Starts an attempt through this lane. */
  carry(attempt: Startable): void;

  /** Hands the body to the reader from now on; for a request without one, `onBodyEnd` is called at once. It may be called again while nothing was handed out. */
  readBody(reader: BodyReader): void;
  /** Lets the body flow again after `onBodyData` gave false, or the client be heard again when all of it was taken. */
  resumeBody(): void;
  /** Hands out no more of the body: its reader has ended, or can't take it yet. `readBody` may follow. */
  stopBody(): void;

  /** Passes on a head with a status below 200 (not 101). */
  sendInformational(head: ResponseHead): void;
  /**
   * Passes on a 101 and hands out the client's connection; what came on it since the request, and all that comes,
   * goes to `onBytes` (valid until it returns). Only lanes that can switch have it.
   */
  sendSwitch?(head: ResponseHead, onBytes: (bytes: Buffer) => void): Duplex;
  /** @param isBodyHere whether `sendBody` follows at once: both may go out together */
  sendHead(head: ResponseHead, isBodyHere: boolean): void;
  /** What was said that a body would follow did not come at once: nothing is held back any more. */
  flush(): void;
  /**
   * Sends a part of the answer's body.
   * @param bytes valid until the call returns
   * @param isLast whether the body is whole with it
   * @returns false when the client must catch up first
   */
  sendBody(bytes: Buffer, isLast: boolean): boolean;
  endAnswer(trailers: readonly string[]): void;
  /** Ends an answer that is not whole so that the client can see it. */
  breakOff(): void;
  /** Sends an answer of our own; only called when nothing was sent. */
  answer(code: AnswerCode): void;
}

/** The lane of the present request, as far as its connection must tell it something. */
export interface PresentRequest {
  /** Why the client is given up; said before its connection ends. */
  reason: string;
  /**
   * A part of the body.
   * @param bytes valid until the call returns
   */
  onBodyData(bytes: Buffer): void;
  onBodyEnd(trailers: readonly string[]): void;
  /** The rest of the body will not be had: it came too late, or is refused. */
  onBodyFailed(code: AnswerCode, reason: string): void;
  /** The client has closed its half, and still gets its answer if it is there. Called every third of a second. */
  onHalfClosed(): void;
  /** After the connection was full: more can be sent. */
  onWritable(): void;
  /** The connection has closed. */
  onClosed(): void;
}
