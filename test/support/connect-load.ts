// Clients that open a connection for each request, one after the other: a refused or reset connection and a missing answer
// are failures, each with its reason.

import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A load that runs. */
export interface ConnectLoad {
  readonly answered: number;
  readonly failures: readonly string[];
  /** Stops after the request in flight of each client. */
  stop(): Promise<void>;
}

const REQUEST = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const ANSWER_TIMEOUT_MS = 10_000;

/** The pause of a client between an answer and its next connection: a load that shows what breaks, and leaves the cores to others. */
const PAUSE_MS = 25;

/** Begins with this many clients; right is a whole 200. */
export function startConnectLoad(port: number, clients: number): ConnectLoad {
  const state = { answered: 0, failures: [] as string[], isStopping: false };

  function ask(): Promise<void> {
    return new Promise((resolve) => {
      let text = '';
      let reason = '';
      const socket = connect({ port, host: '127.0.0.1' });
      const timer = setTimeout(() => {
        reason = `no answer within ${ANSWER_TIMEOUT_MS} ms`;
        socket.destroy();
      }, ANSWER_TIMEOUT_MS);
      socket.setEncoding('latin1').on('data', (part: string) => (text += part));
      socket.on('connect', () => socket.write(REQUEST));
      socket.on('error', (error: NodeJS.ErrnoException) => (reason = error.code ?? error.message));
      socket.on('close', () => {
        clearTimeout(timer);
        if (/^HTTP\/1\.1 200 [^]*\r\n\r\n./.test(text)) state.answered++;
        else state.failures.push(reason || `an answer that begins with ${JSON.stringify(text.slice(0, 40))}`);
        resolve();
      });
    });
  }

  async function run(): Promise<void> {
    while (!state.isStopping) {
      await ask();
      await sleep(PAUSE_MS);
    }
  }

  const running = Array.from({ length: clients }, () => run());
  return {
    get answered() {
      return state.answered;
    },
    failures: state.failures,
    async stop() {
      state.isStopping = true;
      await Promise.all(running);
    },
  };
}
