// The list of the console's pages that are answered in the fleet thread. Each opens with what it needs of the fleet.

import type { FleetSight } from '../fleet-sight.js';
import { actPage } from './acts.js';
import { renderDelta } from './dashboard/delta.js';
import { renderPage, renderShell } from './dashboard/page.js';
import { openMetricsPage } from './metrics/metrics-page.js';
import { openOverview } from './overview/overview.js';
import { overviewPages } from './overview/overview-pages.js';
import type { FleetPage } from './page-request.js';
import { whyPage } from './why-page.js';

/** The pages, and what ends their work. */
export interface OpenPages {
  readonly pages: readonly FleetPage[];
  close(): void;
}

/** Opens all pages. */
export function fleetPages(sight: FleetSight): OpenPages {
  const source = openOverview(sight);
  const overview = overviewPages(source, { renderPage, renderShell, renderDelta });
  const metrics = openMetricsPage(sight);
  return {
    pages: [metrics.page, ...overview.pages, whyPage(sight), actPage(sight)],
    close() {
      metrics.close();
      overview.close();
      source.close();
    },
  };
}
