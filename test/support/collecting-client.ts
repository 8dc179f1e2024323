// The client's side of one request without a client: it keeps what an attempt sends, and any of its calls can be made to
// throw. With it attempts run on the real hosts against real hosts.

import type { BodyReader, ClientListener, ClientSide, Startable } from '../../lib/traffic/client/client-side.js';
import type { AnswerCode } from '../../lib/traffic/wire/answers.js';
import { type ClientFacts, clientFacts } from '../../lib/traffic/wire/headers.js';
import type { RequestHead } from '../../lib/traffic/wire/request-head.js';
import type { AnswerTiming } from '../../lib/traffic/wire/own-lines.js';
import type { PreparedAnswer } from '../../lib/traffic/wire/prepared-answers.js';
import type { ResponseHead } from '../../lib/traffic/wire/response-head.js';

/** The calls that can be made to throw. */
export type Throwing =
  | 'carry'
  | 'readBody'
  | 'resumeBody'
  | 'sendInformational'
  | 'sendHead'
  | 'flush'
  | 'sendBody'
  | 'endAnswer'
  | 'breakOff'
  | 'answer';

/** What a request is; GET / by default. */
export interface Asking {
  readonly method?: string;
  /** Handed out at once when it is asked for. */
  readonly body?: string;
  /** Whether its end follows; true by default. */
  readonly isBodyWhole?: boolean;
  readonly throws?: Throwing;
}

/** A client that keeps everything. */
export class CollectingClient implements ClientSide {
  readonly head: RequestHead;
  readonly facts: ClientFacts = clientFacts('192.0.2.1', 80, false, false);
  isGone = false;
  hasFailed = false;
  hasStarted = false;
  isBodyTaken = false;
  code: AnswerCode | '' = '';
  reason = '';
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  listener: ClientListener | undefined;
  requestId = '';
  timing: AnswerTiming | undefined;
  body = '';
  isBrokenOff = false;
  isWhole = false;
  readonly #asking: Asking;

  constructor(asking: Asking = {}) {
    const { method = 'GET', body } = asking;
    this.#asking = asking;
    this.head = {
      method,
      target: '/',
      version: '1.1',
      headers: body === undefined ? [] : ['Content-Length', String(body.length)],
      host: 'x',
      framing: body === undefined ? 'none' : 'length',
      length: body?.length ?? 0,
      upgrade: undefined,
      expectsContinue: false,
      droppedNames: [],
      isKeptAlive: true,
      passedBy: undefined,
      requestId: undefined,
      trace: undefined,
      shared: undefined,
    };
  }

  carry(attempt: Startable): void {
    this.#mayThrow('carry');
    attempt.run();
  }

  readBody(reader: BodyReader): void {
    this.#mayThrow('readBody');
    const { body = '', isBodyWhole = true } = this.#asking;
    if (this.isBodyTaken) return;
    this.isBodyTaken = true;
    reader.onBodyData(Buffer.from(body, 'latin1'));
    if (isBodyWhole) reader.onBodyEnd([]);
  }

  stopBody(): void {
    // What was handed out was handed out.
  }

  resumeBody(): void {
    this.#mayThrow('resumeBody');
  }

  sendInformational(): void {
    this.#mayThrow('sendInformational');
  }

  sendHead(head: ResponseHead): void {
    this.#mayThrow('sendHead');
    this.hasStarted = true;
    this.status = head.status;
  }

  flush(): void {
    this.#mayThrow('flush');
  }

  sendBody(bytes: Buffer): boolean {
    this.#mayThrow('sendBody');
    this.body += bytes.toString('latin1');
    return true;
  }

  endAnswer(): void {
    this.#mayThrow('endAnswer');
    this.isWhole = true;
  }

  breakOff(): void {
    this.#mayThrow('breakOff');
    this.isBrokenOff = true;
  }

  answer(code: AnswerCode): void {
    this.#mayThrow('answer');
    this.code = code;
  }

  answerWith({ status, code, body }: PreparedAnswer): void {
    this.hasStarted = true;
    this.status = status;
    this.code = code;
    this.body = body;
  }

  #mayThrow(call: Throwing): void {
    if (this.#asking.throws === call) throw new Error(`${call} fails`);
  }
}
