// Calls of gRPC, one after the other: unary ones, and streams in one and in both directions that last for some time.

import { setTimeout as sleep } from 'node:timers/promises';
import { GrpcClient, type RunningCall } from './grpc-client.js';

/** The kinds of calls. */
type Kind = 'unary' | 'serverStream' | 'bidi';

/** A load that runs. */
export interface GrpcCallLoad {
  /** Calls that ended as they should, by kind. */
  ended(): Readonly<Record<string, number>>;
  /** Why calls failed. */
  readonly failures: readonly string[];
  /** Stops after the call in flight of each client. */
  stop(): Promise<void>;
}

/** The pause between two messages or two calls: a load that shows what breaks, and leaves the cores to others. */
const PAUSE_MS = 5;

/** Messages of a stream that goes both ways. */
const TURNS = 10;

/**
 * As clients do by default: a stream that has not left them when GOAWAY comes, or that the server refused unprocessed, is
 * sent again (https://github.com/grpc/proposal/blob/master/A6-client-retries.md, "transparent retries"). Nothing else is.
 */
const BY_DEFAULT = { 'grpc.enable_retries': 1 };

/** Starts this many clients of each kind, each with a channel of its own to these balancers. */
export function startGrpcLoad(ports: readonly [number, ...number[]], clients: number): GrpcCallLoad {
  const ended: Record<Kind, number> = { unary: 0, serverStream: 0, bidi: 0 };
  const failures: string[] = [];
  const stop = { isAsked: false };

  async function run(kind: Kind, client: GrpcClient): Promise<void> {
    while (!stop.isAsked) {
      const { call, replies } = CALLS[kind](client);
      const { code, details, replies: got } = await call.end;
      if (code === 0 && got.length === replies) ended[kind]++;
      else failures.push(`${kind}: ${code} ${details}, ${got.length} replies`);
      await sleep(PAUSE_MS);
    }
    client.close();
  }

  const running = (Object.keys(CALLS) as Kind[]).flatMap((kind) =>
    Array.from({ length: clients }, () => run(kind, new GrpcClient(ports, undefined, BY_DEFAULT))),
  );
  return {
    ended: () => ({ ...ended }),
    failures,
    async stop() {
      stop.isAsked = true;
      await Promise.all(running);
    },
  };
}

interface Begun {
  readonly call: RunningCall;
  /** How many replies must come. */
  readonly replies: number;
}

const CALLS: Readonly<Record<Kind, (client: GrpcClient) => Begun>> = {
  unary: (client) => ({ call: client.unary('x'), replies: 1 }),
  serverStream: (client) => ({ call: client.serverStream('20'), replies: 20 }),
  bidi: (client) => {
    const call = client.bidi();
    void (async () => {
      for (let i = 0; i < TURNS; i++) {
        call.send(String(i));
        await sleep(PAUSE_MS);
      }
      call.finish();
    })();
    return { call, replies: TURNS };
  },
};
