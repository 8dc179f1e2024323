// The list of the console's pages that are answered in the fleet thread. Each opens with what it needs of the fleet.

import type { FleetSight } from '../fleet-sight.js';
import type { Overview } from '../overview.js';
import { openOverview } from './overview/overview.js';
import { overviewPages } from './overview/overview-pages.js';
import type { FleetPage } from './page-request.js';

/** The pages, and what ends their work. */
export interface OpenPages {
  readonly pages: readonly FleetPage[];
  close(): void;
}

/** Opens all pages. */
export function fleetPages(sight: FleetSight): OpenPages {
  const source = openOverview(sight);
  const overview = overviewPages(source, RENDERERS);
  return {
    pages: overview.pages,
    close() {
      overview.close();
      source.close();
    },
  };
}

/** Until the dashboard has its own: JSON. */
const RENDERERS = {
  renderPage: (overview: Overview) => `<!doctype html><pre>${JSON.stringify(overview).replaceAll('<', '&lt;')}</pre>`,
  renderShell: () => '<!doctype html><p>This console asks for its token.</p>',
  renderDelta: (before: Overview | undefined, now: Overview) => JSON.stringify({ isWhole: before === undefined, overview: now }),
};
