// The pages of the dashboard that show the fleet: the page itself, its stream, and the same as JSON for scripts.

import type { Overview } from '../../overview.js';
import type { FleetPage } from '../page-request.js';
import { replyJson } from '../page-request.js';
import { OverviewStream } from './overview-stream.js';
import type { OverviewSource } from './overview.js';

/** How an overview becomes text; see lib/console/dashboard/. */
export interface Renderers {
  /** The whole page. */
  readonly renderPage: (overview: Overview, options: { readonly mayAct: boolean; readonly hasToken: boolean }) => string;
  /** The page without figures, for who must give a token first. */
  readonly renderShell: () => string;
  /** As of `OverviewStreamOptions`. */
  readonly renderDelta: (before: Overview | undefined, now: Overview) => string;
}

/** The pages, and what ends their streams. */
export interface OverviewPages {
  readonly pages: readonly FleetPage[];
  close(): void;
}

/** Builds the pages over one source. */
export function overviewPages(source: OverviewSource, { renderPage, renderShell, renderDelta }: Renderers): OverviewPages {
  const stream = new OverviewStream({ source, renderDelta });
  const pages: readonly FleetPage[] = [
    {
      path: '/.meercat/',
      // Without a token where one is needed, it shows nothing of the fleet but asks for it.
      access: 'public',
      methods: ['GET'],
      async answer({ mayRead, mayAct, hasToken }, reply) {
        const text = mayRead ? renderPage(await source.current(), { mayAct, hasToken }) : renderShell();
        reply.head(200, { 'Content-Type': 'text/html; charset=utf-8' });
        reply.end(text);
      },
    },
    { path: '/.meercat/stream', access: 'read', methods: ['GET'], answer: (_request, reply) => stream.open(reply) },
    {
      path: '/.meercat/overview.json',
      access: 'read',
      methods: ['GET'],
      answer: async (_request, reply) => replyJson(reply, 200, await source.current()),
    },
  ];
  return { pages, close: () => stream.close() };
}
