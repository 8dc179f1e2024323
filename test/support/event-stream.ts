// A client of Server-Sent Events, as a browser reads them: the events so far, until the end of the bracket.

import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { until } from './until.js';

/** One event. */
export interface StreamEvent {
  readonly id: string;
  readonly data: string;
  /** When it arrived (`performance.now()`). */
  readonly atMs: number;
}

/** An open stream. */
export interface EventStream {
  readonly headers: IncomingHttpHeaders;
  /** All so far. */
  readonly events: readonly StreamEvent[];
  /** All that came, as text. */
  readonly text: () => string;
  readonly isEnded: () => boolean;
}

/** Opens a stream, hands it out when its head is there, and closes it. Rejects on any other status than 200. */
export async function withEventStream<T>(
  port: number,
  path: string,
  fn: (stream: EventStream) => Promise<T>,
  headers: Record<string, string> = {},
): Promise<T> {
  const request = get({ host: '127.0.0.1', port, path, agent: false, headers });
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => request.on('response', resolve).on('error', reject));
    request.on('error', () => undefined);
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
    const events: StreamEvent[] = [];
    let [text, rest, isEnded] = ['', '', false];
    response.setEncoding('utf8');
    response.on('error', () => undefined);
    response.on('close', () => (isEnded = true));
    response.on('data', (chunk: string) => {
      text += chunk;
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data !== undefined) events.push({ id: /^id: (.*)$/m.exec(block)?.[1] ?? '', data, atMs: performance.now() });
      }
    });
    return await fn({ headers: response.headers, events, text: () => text, isEnded: () => isEnded });
  } finally {
    request.destroy();
  }
}

/** Resolves to the first event, the past ones too, of which `is` holds. */
export async function eventWhere(stream: EventStream, is: (data: string) => boolean, what: string): Promise<StreamEvent> {
  return until(() => stream.events.find(({ data }) => is(data)), { what: () => `${what}; the last event: ${stream.events.at(-1)?.data}` });
}
