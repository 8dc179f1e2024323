// A console in small for tests of the dashboard's module: it serves the page, its files and a stream of overviews that the
// test makes up, under the policy that the real console sends, and answers acts as the test says.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { SECURITY_HEADERS } from '../../lib/console/answers.js';
import { renderDelta } from '../../lib/console/dashboard/delta.js';
import { dashboardFiles } from '../../lib/console/dashboard/files.js';
import { type PageOptions, renderPage, renderShell } from '../../lib/console/dashboard/page.js';
import type { Overview } from '../../lib/overview.js';
import { withServer } from './brackets.js';

/** What a test holds of the server. */
export interface DashboardStage {
  readonly url: string;
  /** Shows another overview: the page gets the delta. */
  show(overview: Overview): void;
  /** Ends all streams, as a console that restarts. */
  cut(): void;
  readonly acts: Readonly<Record<string, unknown>>[];
  /** How many streams are open now. */
  readonly streams: number;
}

/** How the console is. */
export interface StageOptions {
  /** '' for none. */
  readonly token?: string;
  /** Whether reading needs the token too. */
  readonly isBeyondLoopback?: boolean;
  /** Answers an act. */
  readonly onAct?: (act: Readonly<Record<string, unknown>>) => {
    readonly status: number;
    readonly body: Readonly<Record<string, unknown>>;
  };
}

/** Serves the page of a first overview. */
export function withDashboard<T>(first: Overview, options: StageOptions, fn: (stage: DashboardStage) => Promise<T>): Promise<T> {
  const { token = '', isBeyondLoopback = false, onAct = () => ({ status: 200, body: { ok: true, text: 'done' } }) } = options;
  const files = new Map(dashboardFiles().map((file) => [file.path, file]));
  const streams = new Map<ServerResponse, Overview>();
  const acts: Record<string, unknown>[] = [];
  let shown = first;
  const pageOptions: PageOptions = { mayAct: false, hasToken: token !== '' };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = (request.url ?? '').split('?', 1)[0] as string;
    const isRight = token !== '' && request.headers.authorization === `Bearer ${token}`;
    const json = (status: number, body: object): void =>
      void response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    const file = files.get(path);
    if (file !== undefined) return void response.writeHead(200, { 'Content-Type': file.type }).end(file.content);
    if (path === '/.meercat/') {
      const page = isBeyondLoopback && !isRight ? renderShell() : renderPage(shown, pageOptions);
      return void response.writeHead(200, { ...SECURITY_HEADERS, 'Content-Type': 'text/html; charset=utf-8' }).end(page);
    }
    if ((isBeyondLoopback || path === '/.meercat/act') && !isRight) return json(401, { error: 'MEERCAT_UNAUTHORIZED', message: 'no' });
    if (path === '/.meercat/act') {
      const act = JSON.parse((await request.toArray()).join('')) as Record<string, unknown>;
      acts.push(act);
      const { status, body } = onAct(act);
      return json(status, body);
    }
    if (path === '/.meercat/why') return json(200, { text: `because of ${new URL(request.url ?? '', 'http://x').searchParams.get('id')}` });
    if (path !== '/.meercat/stream') return json(404, {});
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(`retry: 1000\ndata: ${renderDelta(undefined, shown)}\n\n`);
    streams.set(response, shown);
    response.on('close', () => streams.delete(response));
  };

  return withServer(
    (request, response) => void answer(request, response),
    ({ url }) =>
      fn({
        url: `${url}/.meercat/`,
        acts,
        get streams() {
          return streams.size;
        },
        show(overview) {
          shown = overview;
          for (const [stream, before] of streams) {
            const delta = renderDelta(before, overview);
            if (delta !== '') stream.write(`data: ${delta}\n\n`);
            streams.set(stream, overview);
          }
        },
        cut() {
          for (const stream of streams.keys()) stream.destroy();
        },
      }),
  );
}
