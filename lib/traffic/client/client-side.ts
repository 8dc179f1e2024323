// The interface of a lane: the request's head, its body as it arrives, and the way back to the client. Behind it all
// lanes are the same.

import type { Duplex } from 'node:stream';
import type { AnswerCode } from '../wire/answers.js';
import type { HeaderEdit } from '../wire/header-edit.js';
import type { ClientFacts } from '../wire/headers.js';
import type { AnswerTiming } from '../wire/own-lines.js';
import type { PreparedAnswer } from '../wire/prepared-answers.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ResponseHead } from '../wire/response-head.js';

/** An attempt to have a host answer the request, as a lane starts it. */
export interface Startable {
  /** Begins; never throws, and may have ended when it returns. */
  run(): void;
}

/** Receives a request's body. */
export interface BodyReader {
  /**
   * A part of the body; returns false when no more can be taken until `resumeBody`.
   * @param bytes valid until the call returns
   */
  onBodyData(bytes: Buffer): boolean;
  /** The body is complete. */
  onBodyEnd(trailers: readonly string[]): void;
}

/** Learns of changes on the client's side. */
export interface ClientListener {
  /** The client went away, or was given up: nothing more can be sent. */
  onClientGone(): void;
  /** More can be sent, after `sendBody` returned false. */
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
  /** Whether a part of the body was handed out: it can't be replayed. */
  readonly isBodyTaken: boolean;
  /** The code of the balancer's own answer; empty without one. */
  readonly code: AnswerCode | '';
  /** Why the client was given up, in a few words; empty when it was not, or when reasons are not logged. */
  readonly reason: string;
  /** For the access log: the status sent (0: none), and the bytes of bodies or of the tunnel in each direction. */
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Set while the request is being forwarded. */
  listener: ClientListener | undefined;
  /** The request's id, which answers have in X-Request-Id; empty until its exchange gives it one. */
  requestId: string;
  /** What answers have in Server-Timing; undefined: nothing. */
  timing: AnswerTiming | undefined;

  /** Starts an attempt through this lane. */
  carry(attempt: Startable): void;

  /** Hands the rest of the body to the reader from now on; without a body, calls `onBodyEnd` at once. May be called again until its end was handed out. */
  readBody(reader: BodyReader): void;
  /** Resumes the body after `onBodyData` returned false; after its last part, resumes the socket, so that the client's end is noticed. */
  resumeBody(): void;
  /** Stops handing out the body: its reader has ended, or can't take it yet. `readBody` may follow. */
  stopBody(): void;

  /** Passes on a head with a status below 200 (not 101). */
  sendInformational(head: ResponseHead): void;
  /** Whether the host's 101 is what the lane asked for; left out: its client judges. */
  acceptsSwitch?(head: ResponseHead): boolean;
  /**
   * Passes on a 101 and hands out the client's connection. All bytes since the request's head go to `onBytes` (valid
   * until it returns). Only lanes that can switch protocols have it.
   * @param setCookie as of `sendHead`
   */
  sendSwitch?(head: ResponseHead, setCookie: string | undefined, onBytes: (bytes: Buffer) => void): Duplex;
  /**
   * Passes on a final head.
   * @param isBodyHere whether `sendBody` follows at once: both may leave in one write
   * @param edit the route's changes; undefined: none
   * @param setCookie the value of a Set-Cookie field of our own, for this client alone; undefined: none
   */
  sendHead(head: ResponseHead, isBodyHere: boolean, edit: HeaderEdit | undefined, setCookie: string | undefined): void;
  /** Sends what is gathered: the body that was announced with `isBodyHere` does not follow at once. */
  flush(): void;
  /**
   * Sends a part of the answer's body.
   * @param bytes valid until the call returns
   * @param isLast whether this completes the body
   * @returns false when the client must catch up first
   */
  sendBody(bytes: Buffer, isLast: boolean): boolean;
  endAnswer(trailers: readonly string[]): void;
  /** Cuts off an incomplete answer in a way that the client can detect. */
  breakOff(): void;
  /** Sends an answer of our own; only called when nothing was sent. */
  answer(code: AnswerCode): void;
  /** Sends an answer of the site; only called when nothing was sent. @param location of a redirect */
  answerWith(answer: PreparedAnswer, location?: string): void;
}

/** The lane of the present request, as its connection sees it. */
export interface PresentRequest {
  /** Why the client is given up; set before its connection ends. */
  reason: string;
  /**
   * A part of the body.
   * @param bytes valid until the call returns
   */
  onBodyData(bytes: Buffer): void;
  onBodyEnd(trailers: readonly string[]): void;
  /** The rest of the body won't follow: it was late, or is refused. */
  onBodyFailed(code: AnswerCode, reason: string): void;
  /** The client has closed its half and may still read its answer. Called repeatedly, about three times a second. */
  onHalfClosed(): void;
  /** More can be sent, after the connection was full. */
  onWritable(): void;
  /** The connection has closed. */
  onClosed(): void;
}
