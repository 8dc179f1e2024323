// The list of the console's pages that are answered in the fleet thread. Each opens with what it needs of the fleet.

import type { FleetSight } from '../fleet-sight.js';
import type { FleetPage } from './page-request.js';

/** The pages, and what ends their work. */
export interface OpenPages {
  readonly pages: readonly FleetPage[];
  close(): void;
}

/** Opens all pages. */
export function fleetPages(_sight: FleetSight): OpenPages {
  return { pages: [], close: () => undefined };
}
