// What each action of `churn` does on a connection, and which responses are right: the host's response byte by byte, or
// an error response of the balancer. Anything else is wrong, and so is a missing response.

import { Random } from '../routing/random.js';
import type { ChurnAnswer, ChurnConnection } from './churn-connection.js';
import { type ActionName, bodyFor, drawSize, MAX_BODY_BYTES, refusalFor } from './churn-mix.js';
import { pause } from './health.js';
import { acceptOf, encodeFrame, handshakeOf, OPCODE } from './websocket.js';

/** Results of the requests of one action. */
export interface Tally {
  requests: number;
  /** Right responses, and requests abandoned as intended. */
  right: number;
  /** Error responses of the balancer: 502, 503, 504. */
  refused: number;
  /** No byte of a response, although the client waited. */
  unanswered: number;
  wrong: number;
  /** Descriptions of the first wrong responses. */
  readonly examples: string[];
}

/** An empty tally. */
export function emptyTally(): Tally {
  return { requests: 0, right: 0, refused: 0, unanswered: 0, wrong: 0, examples: [] };
}

/** One action of one client. */
export interface ChurnTurn {
  readonly connection: ChurnConnection;
  readonly port: number;
  readonly random: Random;
  /** Unique to this turn. */
  readonly id: string;
  readonly tally: Tally;
}

const MAX_EXAMPLES = 5;
const PIPELINED = 4;

/** Longer than any impatient client waits. */
const SLOW_MS = 60;
const LEAVE_WITHIN_MS = 25;

const KEY = Buffer.from('churn, churn, ch').toString('base64');

/** All actions. */
export const ACTIONS: Readonly<Record<ActionName, (turn: ChurnTurn) => Promise<void>>> = {
  get: (turn) => fetchBody(turn, 'get', drawSize(turn.random)),
  trickled: (turn) => fetchBody(turn, 'trickle', drawSize(turn.random)),
  post,
  pipelined,
  'leave-early': (turn) => goEarly(turn, () => turn.connection.leave()),
  'reset-early': (turn) => goEarly(turn, () => turn.connection.reset()),
  'leave-answer': (turn) => goWithinAnswer(turn, () => turn.connection.leave()),
  'reset-answer': (turn) => goWithinAnswer(turn, () => turn.connection.reset()),
  'leave-body': (turn) => goWithinBody(turn, () => turn.connection.leave()),
  'reset-body': (turn) => goWithinBody(turn, () => turn.connection.reset()),
  'host-cuts': hostCuts,
  'socket-closed': (turn) => webSocket(turn, true),
  'socket-reset': (turn) => webSocket(turn, false),
  'socket-refused': refusedSocket,
};

function head(method: string, path: string, { port }: ChurnTurn, ...lines: readonly string[]): string {
  return [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...lines, '', ''].join('\r\n');
}

function blame({ tally, id }: ChurnTurn, what: string): void {
  tally.wrong++;
  if (tally.examples.length < MAX_EXAMPLES) tally.examples.push(`${id}: ${what}`);
}

/** Checks a response: it must be the host's, with this status and body, or an error of the balancer. */
function judge(turn: ChurnTurn, answer: ChurnAnswer, status: number, body: Buffer): void {
  const { tally, connection } = turn;
  if (answer.kind === 'whole' && answer.status === status && answer.body.equals(body)) tally.right++;
  else if (isRefusal(answer)) tally.refused++;
  else if (answer.kind === 'cut' && answer.bytes === 0) tally.unanswered++;
  else blame(turn, describe(answer, body.length));
  if (answer.kind === 'late') connection.leave();
}

function isRefusal(answer: ChurnAnswer): boolean {
  return answer.kind === 'whole' && answer.status >= 502 && answer.status <= 504 && answer.body.includes('MEERCAT_');
}

function describe(answer: ChurnAnswer, expected: number): string {
  if (answer.kind === 'late') return 'no answer in time';
  if (answer.kind === 'cut') return `cut off after ${answer.bytes} bytes`;
  return `status ${answer.status}, ${answer.body.length} bytes in place of ${expected}: ${JSON.stringify(answer.body.toString('latin1', 0, 60))}`;
}

async function fetchBody(turn: ChurnTurn, what: 'get' | 'trickle', size: number): Promise<void> {
  turn.tally.requests++;
  turn.connection.send(head('GET', `/${what}/${turn.id}/${size}`, turn));
  judge(turn, await turn.connection.answer(), 200, bodyFor(turn.id, size));
}

async function post(turn: ChurnTurn): Promise<void> {
  const { connection, random, id, tally } = turn;
  const body = bodyFor(id, drawSize(random));
  tally.requests++;
  if (random.below(2) === 0)
    connection.send(Buffer.concat([Buffer.from(head('POST', `/echo/${id}`, turn, `Content-Length: ${body.length}`)), body]));
  else {
    connection.send(head('POST', `/echo/${id}`, turn, 'Transfer-Encoding: chunked'));
    for (let at = 0; at < body.length; ) {
      const part = body.subarray(at, at + 1 + random.below(MAX_BODY_BYTES / 4));
      connection.send(Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]));
      at += part.length;
    }
    connection.send('0\r\n\r\n');
  }
  judge(turn, await connection.answer(), 200, body);
}

async function pipelined(turn: ChurnTurn): Promise<void> {
  const { connection, random, id, tally } = turn;
  const sizes = Array.from({ length: PIPELINED }, () => drawSize(random));
  tally.requests += sizes.length;
  connection.send(sizes.map((size, index) => head('GET', `/get/${id}-${index}/${size}`, turn)).join(''));
  for (const [index, size] of sizes.entries()) {
    judge(turn, await connection.answer(), 200, bodyFor(`${id}-${index}`, size));
    // After a response with `Connection: close`, no further ones are due.
    if (!connection.isUsable) {
      tally.requests -= sizes.length - 1 - index;
      return;
    }
  }
}

async function goEarly(turn: ChurnTurn, go: () => void): Promise<void> {
  turn.tally.requests++;
  turn.connection.send(head('GET', `/slow/${turn.id}/${SLOW_MS}`, turn));
  await pause(turn.random.below(LEAVE_WITHIN_MS));
  go();
  turn.tally.right++;
}

async function goWithinAnswer(turn: ChurnTurn, go: () => void): Promise<void> {
  turn.tally.requests++;
  turn.connection.send(head('GET', `/trickle/${turn.id}/${MAX_BODY_BYTES}`, turn));
  await turn.connection.untilBegun();
  go();
  turn.tally.right++;
}

async function goWithinBody(turn: ChurnTurn, go: () => void): Promise<void> {
  const { connection, random, id, tally } = turn;
  tally.requests++;
  const body = bodyFor(id, MAX_BODY_BYTES);
  connection.send(
    Buffer.concat([
      Buffer.from(head('POST', `/echo/${id}`, turn, `Content-Length: ${body.length}`)),
      body.subarray(0, 1 + random.below(body.length - 1)),
    ]),
  );
  await pause(random.below(LEAVE_WITHIN_MS));
  go();
  tally.right++;
}

/** The client must be able to see that the response is incomplete. */
async function hostCuts(turn: ChurnTurn): Promise<void> {
  turn.tally.requests++;
  turn.connection.send(head('GET', `/cut/${turn.id}/${MAX_BODY_BYTES}`, turn));
  const answer = await turn.connection.answer();
  if (answer.kind === 'cut') turn.tally.right++;
  else if (isRefusal(answer)) turn.tally.refused++;
  else blame(turn, `of an answer that its host cut: ${describe(answer, 0)}`);
  if (answer.kind !== 'whole') turn.connection.leave();
}

async function webSocket(turn: ChurnTurn, isClosedWell: boolean): Promise<void> {
  const { connection, random, id, tally, port } = turn;
  tally.requests++;
  connection.send(handshakeOf(`/ws/${id}`, port, KEY));
  const answer = await connection.answer();
  if (answer.kind !== 'whole' || answer.status !== 101 || !answer.head.includes(acceptOf(KEY))) {
    judge(turn, answer, 101, Buffer.alloc(0));
    connection.leave();
    return;
  }
  const payloads = Array.from({ length: 1 + random.below(3) }, (_, index) => bodyFor(`${id}-${index}`, drawSize(random)));
  for (const payload of payloads) connection.send(encodeFrame(OPCODE.binary, payload, random.below(1 << 30)));
  if (!isClosedWell) {
    await pause(random.below(LEAVE_WITHIN_MS));
    connection.reset();
    tally.right++;
    return;
  }
  connection.send(encodeFrame(OPCODE.close, Buffer.alloc(0), 1));
  const frames = await connection.messages(payloads.length + 1);
  const isRight =
    frames.length === payloads.length + 1 &&
    payloads.every((payload, index) => frames[index]?.payload.equals(payload)) &&
    frames.at(-1)?.opcode === OPCODE.close;
  if (isRight && (await connection.hasEnded())) tally.right++;
  else
    blame(
      turn,
      isRight
        ? 'a closed WebSocket whose connection stayed open'
        : `${frames.length} messages over a WebSocket in place of ${payloads.length + 1}`,
    );
  connection.leave();
}

async function refusedSocket(turn: ChurnTurn): Promise<void> {
  turn.tally.requests++;
  turn.connection.send(handshakeOf(`/no/${turn.id}`, turn.port, KEY));
  judge(turn, await turn.connection.answer(), 403, Buffer.from(refusalFor(turn.id)));
  turn.connection.leave();
}
