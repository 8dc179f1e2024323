// Clients of a fleet: each sends requests on one keep-alive connection; if the connection is refused, or was closed after
// a response, it connects to the next balancer. Any other failure is a failed request, recorded with its reason.

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A load that runs. */
export interface MovingLoad {
  /** Requests that were answered rightly. */
  readonly answered: number;
  /** How often a client moved on, as its connection was refused, or closed after an answer. */
  readonly moves: number;
  /** Why requests failed, each with its balancer's port. */
  readonly failures: readonly string[];
  /** Stops after the request in flight of each client. */
  stop(): Promise<void>;
}

/** The pause between an answer and the next request: a load that shows what breaks, and leaves the cores to others. */
const PAUSE_MS = 10;
const ANSWER_TIMEOUT_MS = 10_000;

/** Starts this many clients; a response is right if it is a 200 with a matching body. */
export function startMovingLoad(ports: readonly number[], clients: number, body: RegExp): MovingLoad {
  const state = { answered: 0, moves: 0, failures: [] as string[], isStopping: false };

  async function run(first: number): Promise<void> {
    for (let turn = first; !state.isStopping; turn++) {
      const port = ports[turn % ports.length] as number;
      const connection = await Connection.open(port);
      if (connection !== null) await askOn(connection, port);
      // When all refuse there is no hurry.
      else await sleep(PAUSE_MS);
      state.moves++;
    }
  }

  async function askOn(connection: Connection, port: number): Promise<void> {
    while (!state.isStopping && !connection.hasEnded) {
      const answer = await connection.ask(`GET /load HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
      if (answer === null) {
        state.failures.push(`port ${port}: ${connection.reason} after ${connection.text.length} bytes of an answer`);
        break;
      }
      if (answer.status === 200 && body.test(answer.body)) state.answered++;
      else state.failures.push(`port ${port}: ${answer.status} ${answer.body.slice(0, 80)}`);
      if (answer.isLast) break;
      await sleep(PAUSE_MS);
    }
    connection.close();
  }

  const running = Array.from({ length: clients }, (_, index) => run(index));
  return {
    get answered() {
      return state.answered;
    },
    get moves() {
      return state.moves;
    },
    failures: state.failures,
    async stop() {
      state.isStopping = true;
      await Promise.all(running);
    },
  };
}

interface Answer {
  readonly status: number;
  readonly body: string;
  /** `Connection: close`: the connection is of no more use. */
  readonly isLast: boolean;
}

/** One client's connection, a request at a time. */
class Connection {
  text = '';
  hasEnded = false;
  /** Why it ended. */
  reason = 'closed';
  readonly #socket: Socket;
  #changed: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const end = (): void => {
      this.hasEnded = true;
      this.#changed();
    };
    socket.setEncoding('latin1');
    socket.on('data', (part: string) => {
      this.text += part;
      this.#changed();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => (this.reason = error.code ?? error.message));
    socket.on('end', end);
    socket.on('close', end);
  }

  /** A connection; null when it is refused. */
  static open(port: number): Promise<Connection | null> {
    return new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', () => resolve(null));
      socket.once('connect', () => resolve(new Connection(socket)));
    });
  }

  /** Sends a request and reads its answer; null when none came whole. */
  async ask(request: string): Promise<Answer | null> {
    this.text = '';
    this.#socket.write(request);
    const deadlineMs = performance.now() + ANSWER_TIMEOUT_MS;
    for (;;) {
      const answer = parse(this.text);
      if (answer !== null) return answer;
      if (performance.now() > deadlineMs) this.reason = 'no whole answer in time';
      if (this.hasEnded || performance.now() > deadlineMs) return null;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ANSWER_TIMEOUT_MS);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A whole answer with a length or in chunks; null while it is not whole. */
function parse(text: string): Answer | null {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = text.slice(0, end + 2);
  const rest = text.slice(end + 4);
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
  const body = length === undefined ? unchunk(rest) : rest.length < Number(length) ? null : rest.slice(0, Number(length));
  if (body === null) return null;
  return { status: Number(head.split(' ', 2)[1]), body, isLast: /\r\nconnection: *close\r/i.test(head) };
}

/** The content of chunks; null while the last one is missing. */
function unchunk(text: string): string | null {
  let body = '';
  for (let at = 0; ; ) {
    const [line, digits] = /^([0-9a-f]+)\r\n/i.exec(text.slice(at)) ?? [];
    if (line === undefined) return null;
    const size = Number.parseInt(digits as string, 16);
    at += line.length;
    if (size === 0) return text.length >= at + 2 ? body : null;
    body += text.slice(at, at + size);
    at += size + 2;
  }
}
