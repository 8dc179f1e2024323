// Handles a request with a lane whose attempts have scripted outcomes. The known hosts and the shared table are real, with two
// hosts in slots 0 and 1; time stands still unless the test advances it.

import type { Policy } from '../../lib/model.js';
import type { OutcomeKind } from '../../lib/routing/retry.js';
import { setCandidates } from './candidates.js';
import { HEADER } from '../../lib/table/layout.js';
import type { Attempt } from '../../lib/traffic/request/attempt.js';
import type { ClientSide } from '../../lib/traffic/client/client-side.js';
import { clientFacts } from '../../lib/traffic/wire/headers.js';
import type { HttpVersion } from '../../lib/traffic/wire/request-head.js';
import type { TrafficConfig } from '../../lib/config/traffic-config.js';
import { carryThrough } from './carried.js';
import { buildTrafficStage, type TrafficStage } from './traffic-context.js';

/** How an attempt is to end. */
export interface Outcome {
  readonly kind: OutcomeKind;
  /** Whether anything of an answer was passed on to the client. */
  readonly hasStarted: boolean;
  readonly status: number;
}

/** What a story is to meet. */
export interface Scripted {
  readonly method?: string;
  /** 1.1 by default. */
  readonly version?: HttpVersion;
  readonly hasBody?: boolean;
  readonly headers?: readonly string[];
  /** Whether the body was handed out during an attempt. */
  readonly isBodyTaken?: boolean;
  /** How each attempt ends; a promise ends when it does. */
  readonly outcomes?: readonly (Outcome | Promise<Outcome>)[];
  /** What the policy picks, in turn; the hosts are in slots 0 and 1. */
  readonly picks?: readonly number[];
  /** A real policy in place of those picks; it reads what `offer` put into the table. */
  readonly policy?: Policy;
  /** Whether the client has gone, asked at any time. */
  readonly isGone?: () => boolean;
}

/** A balancer's story, its hosts and its table. */
export class Stage {
  nowMs = 5000;
  readonly traffic: TrafficStage;

  constructor(overrides: Partial<TrafficConfig>, scheme: 'http' | 'h2') {
    this.traffic = buildTrafficStage(() => this.nowMs, overrides);
    for (const slot of [0, 1]) this.traffic.hosts.add({ slot, name: `h${slot}`, url: `${scheme}://h${slot}:80` });
  }

  /** Tells one story; gives what happened in it. */
  async tell({
    method = 'GET',
    version = '1.1',
    hasBody = false,
    headers = [],
    isBodyTaken = false,
    outcomes = [],
    picks = [0, 1],
    policy: real,
    isGone = () => false,
  }: Scripted): Promise<string[]> {
    const happened: string[] = [];
    const left = [...picks];
    const policy: Policy = real ?? {
      algorithm: 'round-robin',
      pick: (_view, _nowMs, excluded) => {
        const slot = left.shift() ?? -1;
        return slot === excluded ? -1 : slot;
      },
    };
    const ends = outcomes.values();
    let hasStarted = false;
    const client: ClientSide = {
      head: {
        method,
        target: '/',
        version,
        headers,
        host: 'x',
        framing: hasBody ? 'length' : 'none',
        length: hasBody ? 1 : 0,
        upgrade: undefined,
        expectsContinue: false,
        droppedNames: [],
        isKeptAlive: true,
        passedBy: headers.find((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === 'via'),
        requestId: undefined,
        trace: undefined,
        shared: undefined,
      },
      facts: clientFacts('192.0.2.1', 80, false, false),
      get isGone() {
        return isGone();
      },
      get hasStarted() {
        return hasStarted;
      },
      isBodyTaken,
      status: 0,
      bytesIn: 0,
      bytesOut: 0,
      listener: undefined,
      carry({ host, owner }: Attempt) {
        happened.push(`${host.name} with ${inFlight().join(' ')}`);
        void Promise.resolve(ends.next().value as Outcome | Promise<Outcome>).then((outcome) => {
          ({ hasStarted } = outcome);
          owner.onAttemptEnd(outcome.kind, outcome.status);
        });
      },
      readBody: () => undefined,
      resumeBody: () => undefined,
      stopBody: () => undefined,
      sendInformational: () => undefined,
      sendHead: () => undefined,
      sendBody: () => true,
      endAnswer: () => undefined,
      breakOff: () => undefined,
      flush: () => undefined,
      code: '',
      reason: '',
      hasFailed: false,
      requestId: '',
      timing: undefined,
      answer: (code) => void happened.push(code),
      answerWith: ({ code, status }) => void happened.push(code === '' ? String(status) : code),
    };
    const inFlight = (): number[] => this.inFlight();
    await carryThrough({ ...this.traffic.context, policy }, client);
    return happened;
  }

  /** Makes these hosts the candidates. */
  offer(...slots: readonly number[]): void {
    setCandidates(this.traffic.columns, slots);
  }

  /** In flight on h0, on h1, and altogether. */
  inFlight(): number[] {
    const { columns } = this.traffic;
    return [columns.inflight[0] as number, columns.inflight[1] as number, columns.header[HEADER.inflight] as number];
  }

  counts(): ReturnType<TrafficStage['counts']> {
    return this.traffic.counts();
  }
}

/** Hands out a stage, and ends its timers. @param scheme of the hosts */
export async function withStage(
  fn: (stage: Stage) => Promise<void> | void,
  overrides: Partial<TrafficConfig> = {},
  scheme: 'http' | 'h2' = 'http',
): Promise<void> {
  const stage = new Stage(overrides, scheme);
  try {
    await fn(stage);
  } finally {
    stage.traffic.stop();
  }
}

/** An attempt's end. */
export const ends = (kind: OutcomeKind, hasStarted = kind === 'ok', status = hasStarted ? 200 : 0): Outcome => ({
  kind,
  hasStarted,
  status,
});
